//! Configurations of a run.

pub mod overrides;
mod profile;
mod resolve;
mod run;

pub use run::{CheckpointConfig, EvaluationConfig, OptimConfig, RunConfig, SamplerConfig};
