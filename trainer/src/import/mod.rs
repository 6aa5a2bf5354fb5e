//! Weights that others have trained: `trainer import` and `[weights]`.

mod command;
mod files;
mod load;
mod own;
mod pickle;
mod plan;
mod source;
mod torch_file;

pub use command::{ImportArgs, run};
pub use load::WeightsConfig;
