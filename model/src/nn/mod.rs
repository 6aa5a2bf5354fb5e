//! Building blocks that more than one part of the model needs.

mod batch_norm;
#[cfg(feature = "flex")]
mod flex;
mod mixed;
mod trainable;

pub use batch_norm::{BatchNorm1d, BatchStats};
pub use mixed::Compute;
#[cfg(feature = "training")]
pub(crate) use mixed::layer_norm;
pub(crate) use mixed::{Activation, cast, conv2d, group_norm, linear, softmax};
pub use trainable::{ParameterCount, count_parameters, hold_frozen, set_trainable};
