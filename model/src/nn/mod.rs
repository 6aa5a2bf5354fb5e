//! Building blocks that more than one part of the model needs.

mod batch_norm;
mod mixed;
mod trainable;

pub use batch_norm::{BatchNorm1d, BatchStats};
pub use mixed::Compute;
pub(crate) use mixed::{cast, conv2d, linear, softmax};
#[cfg(feature = "training")]
pub(crate) use mixed::{group_norm, layer_norm};
pub use trainable::{ParameterCount, count_parameters, hold_frozen, set_trainable};
