//! Weights that others have trained: `trainer import` and `[weights]`.

mod command;
mod files;
mod load;
mod pickle;
mod plan;
mod source;
mod stored;
mod torch_file;
mod write;

pub use command::{ImportArgs, run};
pub use load::WeightsConfig;
