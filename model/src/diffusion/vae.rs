//! The encoder half of the latent diffusion VAE; always frozen.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::{silu, softmax};
use serde::{Deserialize, Serialize};

use super::DiffusionConfigError;
use super::resnet::{ResnetBlock, ResnetStyle, conv1x1, conv3x3, group_norm, resnet_flops};

/// Sizes of a VAE encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeConfig {
    /// Channels of each resolution; every level but the last halves the image.
    pub channels: Vec<usize>,
    /// Residual blocks per level.
    pub blocks: usize,
    /// Groups of every group norm.
    pub groups: usize,
    /// Channels of the latent.
    pub latent: usize,
    /// Factor that brings latents to unit variance; `None` measures it on the
    /// training images, for a VAE that has no published one.
    pub scale: Option<f64>,
}

impl VaeConfig {
    /// Stable Diffusion v1.5.
    pub fn sd_1_5() -> Self {
        Self {
            channels: vec![128, 256, 512, 512],
            blocks: 2,
            groups: 32,
            latent: 4,
            scale: Some(0.18215),
        }
    }

    /// Three levels of 8, 16 and 32 channels: a quarter of the image's side.
    pub fn tiny() -> Self {
        Self {
            channels: vec![8, 16, 32],
            blocks: 1,
            groups: 4,
            latent: 4,
            scale: None,
        }
    }

    /// Image pixels per latent position, along one side.
    pub fn downsampling(&self) -> usize {
        1 << (self.channels.len().max(1) - 1)
    }

    /// Checks that an encoder of these sizes exists.
    pub fn validate(&self) -> Result<(), DiffusionConfigError> {
        let check =
            |holds, reason: &str| DiffusionConfigError::check("VAE", holds, || reason.to_string());
        check(
            !self.channels.is_empty(),
            "`channels` is empty; give one number per level",
        )?;
        check(
            self.blocks > 0 && self.latent > 0,
            "`blocks` and `latent` must be at least 1",
        )?;
        check(
            self.groups > 0 && self.channels.iter().all(|c| *c > 0 && c % self.groups == 0),
            "every entry of `channels` must be a multiple of `groups`",
        )
    }

    /// Operations (two per multiply-add) of encoding one `side` x `side` image.
    pub fn flops(&self, side: usize) -> u64 {
        let mut pixels = (side * side) as u64;
        let first = self.channels[0];
        let mut total = 2 * 9 * 3 * first as u64 * pixels;
        let mut input = first;
        for (level, &output) in self.channels.iter().enumerate() {
            for _ in 0..self.blocks {
                total += resnet_flops(input, output, None, pixels);
                input = output;
            }
            if level + 1 < self.channels.len() {
                pixels /= 4;
                total += 2 * 9 * (output * output) as u64 * pixels;
            }
        }
        let width = input as u64;
        total += 2 * resnet_flops(input, input, None, pixels);
        total += 2 * (4 * width * width * pixels + 2 * width * pixels * pixels);
        let moments = 2 * self.latent as u64;
        total + 2 * (9 * width * moments + moments * moments) * pixels
    }
}

/// Mean and log-variance of the latent posterior, each `[B, latent, h, w]`.
#[derive(Clone, Debug)]
pub struct Moments<B: Backend> {
    /// Mean.
    pub mean: Tensor<B, 4>,
    /// Log-variance, clamped to -30..20.
    pub log_variance: Tensor<B, 4>,
}

impl<B: Backend> Moments<B> {
    /// `scale * (mean + exp(log_variance / 2) * noise)`: a sample of the
    /// posterior, not its mode, brought to the diffusion model's scale.
    pub fn sample(self, noise: Tensor<B, 4>, scale: f64) -> Tensor<B, 4> {
        (self.mean + (self.log_variance * 0.5).exp() * noise) * scale
    }
}

/// Image to posterior moments.
#[derive(Module, Debug)]
pub struct VaeEncoder<B: Backend> {
    encoder: Encoder<B>,
    quant_conv: Conv2d<B>,
}

#[derive(Module, Debug)]
struct Encoder<B: Backend> {
    conv_in: Conv2d<B>,
    down_blocks: Vec<Down<B>>,
    mid_block: Mid<B>,
    conv_norm_out: GroupNorm<B>,
    conv_out: Conv2d<B>,
}

#[derive(Module, Debug)]
struct Down<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    downsampler: Option<Conv2d<B>>,
}

#[derive(Module, Debug)]
struct Mid<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    attention: SpatialAttention<B>,
}

/// Single-head attention over all positions of `[B, C, H, W]`.
#[derive(Module, Debug)]
struct SpatialAttention<B: Backend> {
    group_norm: GroupNorm<B>,
    to_q: Linear<B>,
    to_k: Linear<B>,
    to_v: Linear<B>,
    to_out: Linear<B>,
}

impl<B: Backend> VaeEncoder<B> {
    /// Epsilon of every group norm.
    const EPSILON: f64 = 1e-6;

    /// An encoder of random weights. `config` must be valid.
    pub fn new(config: &VaeConfig, device: &B::Device) -> Self {
        let style = ResnetStyle {
            groups: config.groups,
            epsilon: Self::EPSILON,
            time: None,
        };
        let levels = config.channels.len();
        let mut input = config.channels[0];
        let down_blocks = (config.channels.iter().enumerate())
            .map(|(level, &output)| Down {
                resnets: (0..config.blocks)
                    .map(|_| {
                        ResnetBlock::new(
                            std::mem::replace(&mut input, output),
                            output,
                            style,
                            device,
                        )
                    })
                    .collect(),
                downsampler: (level + 1 < levels).then(|| {
                    Conv2dConfig::new([output, output], [3, 3])
                        .with_stride([2, 2])
                        .init(device)
                }),
            })
            .collect();
        let linear = || LinearConfig::new(input, input).init(device);
        let moments = 2 * config.latent;
        Self {
            encoder: Encoder {
                conv_in: conv3x3(3, config.channels[0], 1, device),
                down_blocks,
                mid_block: Mid {
                    resnets: (0..2)
                        .map(|_| ResnetBlock::new(input, input, style, device))
                        .collect(),
                    attention: SpatialAttention {
                        group_norm: group_norm(config.groups, input, Self::EPSILON, device),
                        to_q: linear(),
                        to_k: linear(),
                        to_v: linear(),
                        to_out: linear(),
                    },
                },
                conv_norm_out: group_norm(config.groups, input, Self::EPSILON, device),
                conv_out: conv3x3(input, moments, 1, device),
            },
            quant_conv: conv1x1(moments, moments, device),
        }
    }

    /// Moments of images `[B, 3, H, W]` in -1..1; sides are multiples of the
    /// downsampling.
    pub fn forward(&self, images: Tensor<B, 4>) -> Moments<B> {
        let encoder = &self.encoder;
        let mut x = encoder.conv_in.forward(images);
        for block in &encoder.down_blocks {
            x = block
                .resnets
                .iter()
                .fold(x, |x, resnet| resnet.forward(x, None));
            if let Some(downsampler) = &block.downsampler {
                // The VAE pads on the right and at the bottom only.
                x = downsampler.forward(x.pad((0, 1, 0, 1), 0.0));
            }
        }
        let [first, second] = [0, 1].map(|i| &encoder.mid_block.resnets[i]);
        x = second.forward(
            encoder.mid_block.attention.forward(first.forward(x, None)),
            None,
        );
        x = encoder
            .conv_out
            .forward(silu(encoder.conv_norm_out.forward(x)));
        let [mean, log_variance] = halves(self.quant_conv.forward(x));
        Moments {
            mean,
            log_variance: log_variance.clamp(-30.0, 20.0),
        }
    }
}

fn halves<B: Backend>(x: Tensor<B, 4>) -> [Tensor<B, 4>; 2] {
    let [batch, channels, height, width] = x.dims();
    [0, channels / 2].map(|from| {
        x.clone()
            .slice([0..batch, from..from + channels / 2, 0..height, 0..width])
    })
}

impl<B: Backend> SpatialAttention<B> {
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = x.dims();
        let h: Tensor<B, 3> = self
            .group_norm
            .forward(x.clone())
            .flatten::<3>(2, 3)
            .swap_dims(1, 2);
        let q = self.to_q.forward(h.clone()) * (channels as f64).powf(-0.5);
        let weights = softmax(q.matmul(self.to_k.forward(h.clone()).transpose()), 2);
        let mixed = self.to_out.forward(weights.matmul(self.to_v.forward(h)));
        x + mixed
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width])
    }
}
