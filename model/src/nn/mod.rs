//! Building blocks that more than one part of the model needs.

mod attention;
mod batch_norm;
#[cfg(feature = "flex")]
mod flex;
mod mixed;
mod trainable;

#[cfg(feature = "training")]
pub(crate) use attention::attention;
pub(crate) use attention::self_attention;
pub use batch_norm::{BatchNorm1d, BatchStats};
pub use mixed::Compute;
pub(crate) use mixed::{
    Activation, cast, conv2d, group_norm, layer_norm, linear, quick_gelu, transpose,
};
#[cfg(feature = "training")]
pub(crate) use mixed::{Layout, affine, geglu};
pub use trainable::{ParameterCount, count_parameters, hold_frozen, set_trainable};
