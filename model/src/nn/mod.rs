//! Building blocks that more than one part of the model needs.

mod batch_norm;
mod mixed;
mod trainable;

pub use batch_norm::{BatchNorm1d, BatchStats};
pub use mixed::Compute;
pub(crate) use mixed::{cast, conv2d, group_norm, layer_norm, linear, softmax};
pub(crate) use trainable::hold_frozen;
pub use trainable::{ParameterCount, count_parameters, set_trainable};
