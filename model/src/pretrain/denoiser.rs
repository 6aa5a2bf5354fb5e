//! A U-Net that learns to denoise latents, told the attributes of what they show.

use burn::module::Module;
use burn::prelude::*;

use super::AttributeEncoder;
use crate::dcac::NoisedLatents;
use crate::diffusion::{Adapters, NoiseSchedule, Unet, UnetConfig};
use crate::loss::denoising_loss;

/// U-Net, and attributes as the one token that conditions it.
#[derive(Module, Debug)]
pub struct AttributeDenoiser<B: Backend> {
    /// What is kept.
    pub unet: Unet<B>,
    attributes: AttributeEncoder<B>,
}

impl<B: Backend> AttributeDenoiser<B> {
    /// Random weights, for so many `values` of all attributes. `config` must be valid.
    pub fn new(config: &UnetConfig, values: usize, device: &B::Device) -> Self {
        Self {
            unet: Unet::new(config, Adapters::default(), device),
            attributes: AttributeEncoder::new(values, config.context, config.context, device),
        }
    }

    /// Denoising loss of latents of which the attributes `[B, values]` are told, `[1]`.
    pub fn loss(
        &self,
        schedule: &NoiseSchedule,
        latents: NoisedLatents<B>,
        marks: Tensor<B, 2>,
    ) -> Tensor<B, 1> {
        let context = unit_variance(self.attributes.forward(marks)).unsqueeze_dim(1);
        let noised = schedule.add_noise(latents.clean, latents.noise.clone(), &latents.timesteps);
        let predicted = self.unet.forward(noised, &latents.timesteps, context);
        denoising_loss(predicted, latents.noise)
    }
}

/// Rows of mean 0 and variance 1, as identity prompts are when the co-training begins: the
/// U-Net had better know conditions of that size.
fn unit_variance<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let centred = x.clone() - x.mean_dim(1);
    let deviation = (centred.clone().square().mean_dim(1) + 1e-5).sqrt();
    centred / deviation
}
