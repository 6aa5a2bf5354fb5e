//! Modules to safetensors and back, in PyTorch's names and layout.
//!
//! Linear weights are stored `[out, in]`, norms as `weight` and `bias`. The
//! encoder's transformer stands at the file's root with timm's names, its neck
//! under `neck.`.

mod error;
pub(crate) mod file;
#[cfg(feature = "training")]
mod layout;
#[cfg(feature = "tensors")]
mod store;
#[cfg(feature = "tensors")]
mod tensors;

pub use error::{Precision, WeightsError};
#[cfg(feature = "training")]
pub use layout::{Layout, Place, unet_to_diffusers, vae_to_diffusers};
#[cfg(feature = "tensors")]
pub use store::{little_endian, load, save};
#[cfg(feature = "training")]
pub use tensors::{Values, assign, gradients, shapes, transposed, values};
