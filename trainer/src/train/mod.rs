//! Co-training.

mod checkpoint;
mod latents;
mod loss_scale;
mod metrics;
mod run;
mod step;

pub use checkpoint::{Checkpoint, evaluation_path};
pub use run::{TrainRequest, run};
