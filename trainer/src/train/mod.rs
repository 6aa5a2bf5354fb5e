//! Co-training.

mod checkpoint;
mod latents;
mod metrics;
mod run;
mod step;

pub use checkpoint::{Checkpoint, evaluation_path};
pub use run::{TrainRequest, run};
