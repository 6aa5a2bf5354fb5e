//! Co-training.

mod book;
pub mod checkpoint;
mod command;
mod cost;
pub mod gradients;
mod identities;
mod latent_file;
mod latents;
mod logs;
mod loss_scale;
mod metrics;
mod parts;
mod record;
mod request;
mod run;
mod seam;
mod session;
mod start;
mod step;

pub use checkpoint::{CONFIG, Checkpoint, Which, tensors as run_tensors};
pub use command::{TrainArgs, command};
pub use cost::{Cost, Costs, RunCost, peak_memory};
pub use identities::{IDENTITIES, read as run_identities};
pub use latents::{LatentCache, deviation, view as latent_view};
pub use metrics::{
    Evaluation, StepLog, StepMetrics, evaluation_at, read_evaluations, read_metrics,
};
pub use record::{RunRecord, RunState, read_figures};
pub use request::TrainRequest;
pub use run::run;
pub use step::Trainer;
