//! The vision tower of CLIP (Radford et al., 2021).

#[cfg(feature = "tensors")]
mod attention;
#[cfg(feature = "tensors")]
mod block;
mod config;
mod positions;
#[cfg(feature = "tensors")]
mod stem;
#[cfg(feature = "tensors")]
mod vit;

pub use config::{VitConfig, VitConfigError};
pub use positions::resize_positions;
#[cfg(feature = "tensors")]
pub use vit::{VisionTransformer, VitOutput};
