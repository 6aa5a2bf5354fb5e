//! Building blocks that more than one part of the model needs.

mod batch_norm;
mod trainable;

pub use batch_norm::{BatchNorm1d, BatchStats};
pub use trainable::{ParameterCount, count_parameters, set_trainable};
