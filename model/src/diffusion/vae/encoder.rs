//! Image to latent posterior.

use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::prelude::*;

use super::super::resnet::{ResnetBlock, ResnetStyle, conv1x1, conv3x3, group_norm};
use super::middle::Mid;
use super::{EPSILON, VaeConfig};
use crate::nn::{self, Activation};

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

impl<B: Backend> VaeEncoder<B> {
    /// An encoder of random weights. `config` must be valid.
    pub fn new(config: &VaeConfig, device: &B::Device) -> Self {
        let style = ResnetStyle {
            groups: config.groups,
            epsilon: EPSILON,
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
        let moments = 2 * config.latent;
        Self {
            encoder: Encoder {
                conv_in: conv3x3(3, config.channels[0], 1, device),
                down_blocks,
                mid_block: Mid::new(input, style, device),
                conv_norm_out: group_norm(config.groups, input, EPSILON, device),
                conv_out: conv3x3(input, moments, 1, device),
            },
            quant_conv: conv1x1(moments, moments, device),
        }
    }

    /// Moments of images `[B, 3, H, W]` in -1..1; sides are multiples of the
    /// downsampling.
    pub fn forward(&self, images: Tensor<B, 4>) -> Moments<B> {
        let encoder = &self.encoder;
        let mut x = nn::conv2d(&encoder.conv_in, images);
        for block in &encoder.down_blocks {
            x = block
                .resnets
                .iter()
                .fold(x, |x, resnet| resnet.forward(x, None));
            if let Some(downsampler) = &block.downsampler {
                // The VAE pads on the right and at the bottom only.
                x = nn::conv2d(downsampler, x.pad((0, 1, 0, 1), 0.0));
            }
        }
        x = encoder.mid_block.forward(x);
        x = nn::group_norm(&encoder.conv_norm_out, x, Activation::Silu);
        x = nn::conv2d(&encoder.conv_out, x);
        let [mean, log_variance] = halves(nn::conv2d(&self.quant_conv, x));
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
