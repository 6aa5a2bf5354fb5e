//! The conditional denoising U-Net; field names follow diffusers.

mod blocks;
mod config;
mod network;
mod time;
mod transformer;

pub use config::UnetConfig;
pub use network::Unet;
pub use transformer::Adapters;
