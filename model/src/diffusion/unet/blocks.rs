//! Input, middle and output blocks.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::prelude::*;

use super::super::resnet::{ResnetBlock, ResnetStyle, conv3x3, double};
use super::UnetConfig;
use super::transformer::{Adapters, SpatialTransformer};
use crate::nn;

/// What every block of one U-Net is built with.
pub(super) struct Plan<'a, B: Backend> {
    pub(super) config: &'a UnetConfig,
    pub(super) adapters: Adapters,
    pub(super) style: ResnetStyle,
    pub(super) device: &'a B::Device,
}

impl<B: Backend> Plan<'_, B> {
    fn resnet(&self, input: usize, output: usize) -> ResnetBlock<B> {
        ResnetBlock::new(input, output, self.style, self.device)
    }

    fn transformer(&self, channels: usize) -> SpatialTransformer<B> {
        SpatialTransformer::new(channels, self.config, self.adapters, self.device)
    }
}

/// What flows through the blocks beside the latent.
pub(super) struct Guidance<B: Backend> {
    /// Activated time embedding, `[B, time]`.
    pub(super) time: Tensor<B, 2>,
    /// Condition, `[B, tokens, context]`.
    pub(super) context: Tensor<B, 3>,
}

/// One resolution on the way down.
#[derive(Module, Debug)]
pub(super) struct DownBlock<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    attentions: Vec<SpatialTransformer<B>>,
    downsampler: Option<Conv2d<B>>,
}

impl<B: Backend> DownBlock<B> {
    pub(super) fn new(level: usize, plan: &Plan<B>) -> Self {
        let config = plan.config;
        let output = config.channels[level];
        let input = config.channels[level.saturating_sub(1)];
        let last = level + 1 == config.channels.len();
        Self {
            resnets: (0..config.blocks)
                .map(|i| plan.resnet(if i == 0 { input } else { output }, output))
                .collect(),
            attentions: (0..if config.attention[level] {
                config.blocks
            } else {
                0
            })
                .map(|_| plan.transformer(output))
                .collect(),
            downsampler: (!last).then(|| conv3x3(output, output, 2, plan.device)),
        }
    }

    /// Pushes every intermediate result onto `skips`.
    pub(super) fn forward(
        &self,
        mut x: Tensor<B, 4>,
        guidance: &Guidance<B>,
        skips: &mut Vec<Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, Some(&guidance.time));
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, &guidance.context);
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = nn::conv2d(downsampler, x);
            skips.push(x.clone());
        }
        x
    }
}

/// The coarsest resolution.
#[derive(Module, Debug)]
pub(super) struct MidBlock<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    attentions: Vec<SpatialTransformer<B>>,
}

impl<B: Backend> MidBlock<B> {
    pub(super) fn new(plan: &Plan<B>) -> Self {
        let channels = plan.config.channels[plan.config.channels.len() - 1];
        Self {
            resnets: (0..2).map(|_| plan.resnet(channels, channels)).collect(),
            attentions: vec![plan.transformer(channels)],
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 4>, guidance: &Guidance<B>) -> Tensor<B, 4> {
        let x = self.resnets[0].forward(x, Some(&guidance.time));
        let x = self.attentions[0].forward(x, &guidance.context);
        self.resnets[1].forward(x, Some(&guidance.time))
    }
}

/// One resolution on the way up.
#[derive(Module, Debug)]
pub(super) struct UpBlock<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    attentions: Vec<SpatialTransformer<B>>,
    upsampler: Option<Conv2d<B>>,
}

impl<B: Backend> UpBlock<B> {
    /// `skips` holds the channels that the way down left; as many as the block
    /// has residual blocks are taken from its end.
    pub(super) fn new(level: usize, skips: &mut Vec<usize>, plan: &Plan<B>) -> Self {
        let config = plan.config;
        let output = config.channels[level];
        let below = config.channels[(level + 1).min(config.channels.len() - 1)];
        Self {
            resnets: (0..=config.blocks)
                .map(|i| {
                    let input = if i == 0 { below } else { output };
                    plan.resnet(input + skips.pop().unwrap_or(output), output)
                })
                .collect(),
            attentions: (0..if config.attention[level] {
                config.blocks + 1
            } else {
                0
            })
                .map(|_| plan.transformer(output))
                .collect(),
            upsampler: (level > 0).then(|| conv3x3(output, output, 1, plan.device)),
        }
    }

    pub(super) fn forward(
        &self,
        mut x: Tensor<B, 4>,
        guidance: &Guidance<B>,
        skips: &mut Vec<Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            if let Some(skip) = skips.pop() {
                x = Tensor::cat(vec![x, skip], 1);
            }
            x = resnet.forward(x, Some(&guidance.time));
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, &guidance.context);
            }
        }
        match &self.upsampler {
            Some(upsampler) => nn::conv2d(upsampler, double(x)),
            None => x,
        }
    }
}
