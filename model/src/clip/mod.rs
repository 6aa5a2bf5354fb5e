//! The vision tower of CLIP (Radford et al., 2021).

mod attention;
mod block;
mod config;
mod positions;
mod vit;

pub use config::{VitConfig, VitConfigError};
pub use positions::resize_positions;
pub use vit::{VisionTransformer, VitOutput};
