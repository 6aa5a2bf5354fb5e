//! Co-training.

mod checkpoint;
mod command;
mod latents;
mod loss_scale;
mod metrics;
mod run;
mod step;

pub use checkpoint::{Checkpoint, evaluation_path};
pub use command::{TrainArgs, command};
