//! Latent diffusion (Rombach et al., 2022) as DCAC uses it: a frozen VAE
//! encoder, a conditional U-Net with optional LoRA adapters, and the noise
//! schedule. Nothing here samples images; the VAE's decoder serves to teach its encoder.

mod fine_tune;
mod lora;
mod resnet;
mod schedule;
mod unet;
mod vae;

pub use fine_tune::FineTune;
pub use lora::LoraLinear;
pub use schedule::NoiseSchedule;
pub use unet::{Adapters, Unet, UnetConfig};
pub use vae::{Moments, Vae, VaeConfig, VaeDecoder, VaeEncoder, VaeLoss};

/// Sizes that no diffusion model can be built from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{part}: {reason}")]
pub struct DiffusionConfigError {
    part: &'static str,
    reason: String,
}

impl DiffusionConfigError {
    fn check(part: &'static str, holds: bool, reason: impl FnOnce() -> String) -> Result<(), Self> {
        if holds {
            Ok(())
        } else {
            Err(Self {
                part,
                reason: reason(),
            })
        }
    }
}
