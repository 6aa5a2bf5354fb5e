//! The whole method: one forward, three losses.

mod config;
mod forward;

pub use config::{DcacConfig, DcacConfigError, DiffusionConfig, LossConfig};
pub use forward::{Batch, Dcac, NoisedLatents, StepOutput};
