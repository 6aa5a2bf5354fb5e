//! Co-training.

mod checkpoint;
mod command;
mod cost;
mod gradients;
mod latents;
mod loss_scale;
mod metrics;
mod record;
mod run;
mod session;
mod step;
mod stop;

pub use checkpoint::{Checkpoint, Which, tensors as run_tensors};
pub use command::{TrainArgs, command};
pub use metrics::evaluation_at;
pub use stop::{EXIT_CODE as STOPPED_EXIT_CODE, Stopped};
