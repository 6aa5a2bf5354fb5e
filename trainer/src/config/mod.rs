//! Configurations of a run.

mod overrides;
mod profile;
mod resolve;
mod run;

pub use run::{CheckpointConfig, EvaluationConfig, OptimConfig, RunConfig, SamplerConfig};
