//! Latent to image, and what teaches encoder and decoder together.

use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::prelude::*;

use super::super::resnet::{ResnetBlock, ResnetStyle, conv1x1, conv3x3, double, group_norm};
use super::middle::Mid;
use super::{EPSILON, Moments, VaeConfig, VaeEncoder};
use crate::nn::{self, Activation};

/// Latent to image.
#[derive(Module, Debug)]
pub struct VaeDecoder<B: Backend> {
    post_quant_conv: Conv2d<B>,
    decoder: Decoder<B>,
}

#[derive(Module, Debug)]
struct Decoder<B: Backend> {
    conv_in: Conv2d<B>,
    mid_block: Mid<B>,
    up_blocks: Vec<Up<B>>,
    conv_norm_out: GroupNorm<B>,
    conv_out: Conv2d<B>,
}

#[derive(Module, Debug)]
struct Up<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    upsampler: Option<Conv2d<B>>,
}

impl<B: Backend> VaeDecoder<B> {
    /// A decoder of random weights. `config` must be valid.
    pub fn new(config: &VaeConfig, device: &B::Device) -> Self {
        let style = ResnetStyle {
            groups: config.groups,
            epsilon: EPSILON,
            time: None,
        };
        let first = config.channels[0];
        let last = config.channels[config.channels.len() - 1];
        let mut input = last;
        let up_blocks = (config.channels.iter().enumerate().rev())
            .map(|(level, &output)| Up {
                // One more than on the way down.
                resnets: (0..=config.blocks)
                    .map(|_| {
                        let input = std::mem::replace(&mut input, output);
                        ResnetBlock::new(input, output, style, device)
                    })
                    .collect(),
                upsampler: (level > 0).then(|| conv3x3(output, output, 1, device)),
            })
            .collect();
        Self {
            post_quant_conv: conv1x1(config.latent, config.latent, device),
            decoder: Decoder {
                conv_in: conv3x3(config.latent, last, 1, device),
                mid_block: Mid::new(last, style, device),
                up_blocks,
                conv_norm_out: group_norm(config.groups, first, EPSILON, device),
                conv_out: conv3x3(first, 3, 1, device),
            },
        }
    }

    /// Images `[B, 3, H, W]`, about -1..1, of unscaled latents `[B, latent, h, w]`.
    pub fn forward(&self, latents: Tensor<B, 4>) -> Tensor<B, 4> {
        let decoder = &self.decoder;
        let latents = nn::conv2d(&self.post_quant_conv, latents);
        let mut x = nn::conv2d(&decoder.conv_in, latents);
        x = decoder.mid_block.forward(x);
        for block in &decoder.up_blocks {
            x = (block.resnets.iter()).fold(x, |x, resnet| resnet.forward(x, None));
            if let Some(upsampler) = &block.upsampler {
                x = nn::conv2d(upsampler, double(x));
            }
        }
        x = nn::group_norm(&decoder.conv_norm_out, x, Activation::Silu);
        nn::conv2d(&decoder.conv_out, x)
    }
}

/// An autoencoder that learns.
#[derive(Module, Debug)]
pub struct Vae<B: Backend> {
    /// What the method keeps.
    pub encoder: VaeEncoder<B>,
    /// What it is taught with.
    pub decoder: VaeDecoder<B>,
}

/// How far an autoencoder is from what it should be.
pub struct VaeLoss<B: Backend> {
    /// Mean absolute error of the decoded images, `[1]`.
    pub reconstruction: Tensor<B, 1>,
    /// Kullback-Leibler divergence of the posterior from the standard normal distribution,
    /// mean over all elements of the latents, `[1]`.
    pub divergence: Tensor<B, 1>,
}

impl<B: Backend> Vae<B> {
    /// An autoencoder of random weights. `config` must be valid.
    pub fn new(config: &VaeConfig, device: &B::Device) -> Self {
        Self {
            encoder: VaeEncoder::new(config, device),
            decoder: VaeDecoder::new(config, device),
        }
    }

    /// Losses of images `[B, 3, H, W]` in -1..1, with standard normal `noise` of the
    /// latents' shape.
    pub fn losses(&self, images: Tensor<B, 4>, noise: Tensor<B, 4>) -> VaeLoss<B> {
        let moments = self.encoder.forward(images.clone());
        let divergence = divergence(&moments);
        let decoded = self.decoder.forward(moments.sample(noise, 1.0));
        VaeLoss {
            reconstruction: (decoded - images).abs().mean(),
            divergence,
        }
    }
}

fn divergence<B: Backend>(moments: &Moments<B>) -> Tensor<B, 1> {
    let (mean, log_variance) = (moments.mean.clone(), moments.log_variance.clone());
    let twice = mean.square() + log_variance.clone().exp() - log_variance - 1.0;
    twice.mean() * 0.5
}
