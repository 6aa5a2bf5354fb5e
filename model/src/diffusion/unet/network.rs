//! The whole U-Net.

use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::DType;
use burn::tensor::activation::silu;

use super::super::resnet::{ResnetStyle, conv3x3, group_norm};
use super::UnetConfig;
use super::blocks::{DownBlock, Guidance, MidBlock, Plan, UpBlock};
use super::time::TimeEmbedding;
use super::transformer::Adapters;
use crate::nn::{self, Activation};

/// Predicts the noise in a latent, given its timestep and a condition.
#[derive(Module, Debug)]
pub struct Unet<B: Backend> {
    conv_in: Conv2d<B>,
    time_embedding: TimeEmbedding<B>,
    down_blocks: Vec<DownBlock<B>>,
    mid_block: MidBlock<B>,
    up_blocks: Vec<UpBlock<B>>,
    conv_norm_out: GroupNorm<B>,
    conv_out: Conv2d<B>,
}

impl<B: Backend> Unet<B> {
    /// A U-Net of random weights. `config` must be valid.
    pub fn new(config: &UnetConfig, adapters: Adapters, device: &B::Device) -> Self {
        let plan = Plan {
            config,
            adapters,
            style: ResnetStyle {
                groups: config.groups,
                epsilon: 1e-5,
                time: Some(config.time()),
            },
            device,
        };
        let levels = config.channels.len();
        let first = config.channels[0];
        let mut skips = vec![first];
        for (level, &channels) in config.channels.iter().enumerate() {
            let downsampled = usize::from(level + 1 < levels);
            skips.extend(std::iter::repeat_n(channels, config.blocks + downsampled));
        }
        Self {
            conv_in: conv3x3(config.latent, first, 1, device),
            time_embedding: TimeEmbedding::new(first, config.time(), device),
            down_blocks: (0..levels).map(|i| DownBlock::new(i, &plan)).collect(),
            mid_block: MidBlock::new(&plan),
            up_blocks: (0..levels)
                .rev()
                .map(|level| UpBlock::new(level, &mut skips, &plan))
                .collect(),
            conv_norm_out: group_norm(config.groups, first, plan.style.epsilon, device),
            conv_out: conv3x3(first, config.latent, 1, device),
        }
    }

    /// Noise `[B, latent, h, w]` predicted from noised latents of that shape (sides
    /// multiples of the downsampling), one timestep per sample and a condition
    /// `[B, tokens, context]`; computed in the latents' number format, given in f32.
    pub fn forward(
        &self,
        latents: Tensor<B, 4>,
        timesteps: &[usize],
        context: Tensor<B, 3>,
    ) -> Tensor<B, 4> {
        let compute = latents.dtype();
        let guidance = Guidance {
            time: nn::cast(silu(self.time_embedding.forward(timesteps)), compute),
            context: nn::cast(context, compute),
        };
        let mut x = nn::conv2d(&self.conv_in, latents);
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &guidance, &mut skips);
        }
        x = self.mid_block.forward(x, &guidance);
        for block in &self.up_blocks {
            x = block.forward(x, &guidance, &mut skips);
        }
        let x = nn::group_norm(&self.conv_norm_out, x, Activation::Silu);
        nn::cast(nn::conv2d(&self.conv_out, x), DType::F32)
    }
}
