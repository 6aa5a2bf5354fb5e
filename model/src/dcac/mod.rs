//! The whole method: one forward, three losses, one optimiser.

mod class_activation;
mod config;
mod forward;
mod optimizer;

pub use class_activation::ClassActivation;
pub use config::{DcacConfig, DcacConfigError, DiffusionConfig, LossConfig};
pub use forward::{Batch, Dcac, Embedded, NoisedLatents, StepOutput};
pub use optimizer::adam;
