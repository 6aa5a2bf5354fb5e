//! Building blocks that more than one part of the model needs.

mod attention;
mod batch_norm;
#[cfg(feature = "flex")]
mod flex;
mod format;
mod layers;
mod trainable;

#[cfg(feature = "training")]
pub(crate) use attention::attention;
pub(crate) use attention::self_attention;
pub use batch_norm::{BatchNorm1d, BatchStats};
pub use format::Compute;
pub(crate) use format::cast;
pub(crate) use layers::{
    Activation, conv2d, group_norm, layer_norm, linear, quick_gelu, transpose,
};
#[cfg(feature = "training")]
pub(crate) use layers::{Layout, affine, geglu};
pub use trainable::{ParameterCount, count_parameters, hold_frozen, set_trainable};
