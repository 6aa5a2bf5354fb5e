//! The residual block that the VAE and the U-Net share.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::prelude::*;

use crate::nn::{self, Activation};

/// Norm, SiLU, convolution, twice, with the time embedding in between.
#[derive(Module, Debug)]
pub(super) struct ResnetBlock<B: Backend> {
    norm1: GroupNorm<B>,
    conv1: Conv2d<B>,
    time_emb_proj: Option<Linear<B>>,
    norm2: GroupNorm<B>,
    conv2: Conv2d<B>,
    conv_shortcut: Option<Conv2d<B>>,
}

/// What the blocks of one network have in common.
#[derive(Clone, Copy)]
pub(super) struct ResnetStyle {
    pub(super) groups: usize,
    pub(super) epsilon: f64,
    /// Width of the time embedding; the VAE has none.
    pub(super) time: Option<usize>,
}

/// A 3 x 3 convolution that keeps the size, or halves it with stride 2.
pub(super) fn conv3x3<B: Backend>(
    input: usize,
    output: usize,
    stride: usize,
    device: &B::Device,
) -> Conv2d<B> {
    Conv2dConfig::new([input, output], [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}

pub(super) fn conv1x1<B: Backend>(input: usize, output: usize, device: &B::Device) -> Conv2d<B> {
    Conv2dConfig::new([input, output], [1, 1]).init(device)
}

pub(super) fn group_norm<B: Backend>(
    groups: usize,
    channels: usize,
    epsilon: f64,
    device: &B::Device,
) -> GroupNorm<B> {
    GroupNormConfig::new(groups, channels)
        .with_epsilon(epsilon)
        .init(device)
}

impl<B: Backend> ResnetBlock<B> {
    pub(super) fn new(input: usize, output: usize, style: ResnetStyle, device: &B::Device) -> Self {
        let norm = |channels| group_norm(style.groups, channels, style.epsilon, device);
        Self {
            norm1: norm(input),
            conv1: conv3x3(input, output, 1, device),
            time_emb_proj: style
                .time
                .map(|width| LinearConfig::new(width, output).init(device)),
            norm2: norm(output),
            conv2: conv3x3(output, output, 1, device),
            conv_shortcut: (input != output).then(|| conv1x1(input, output, device)),
        }
    }

    /// `x` is `[B, in, H, W]`; `time` is the activated embedding `[B, time]`.
    pub(super) fn forward(&self, x: Tensor<B, 4>, time: Option<&Tensor<B, 2>>) -> Tensor<B, 4> {
        let h = nn::group_norm(&self.norm1, x.clone(), Activation::Silu);
        let h = nn::conv2d(&self.conv1, h);
        let h = match (&self.time_emb_proj, time) {
            (Some(projection), Some(time)) => {
                let [batch, channels, ..] = h.dims();
                h + nn::linear(projection, time.clone()).reshape([batch, channels, 1, 1])
            }
            _ => h,
        };
        let h = nn::group_norm(&self.norm2, h, Activation::Silu);
        let h = nn::conv2d(&self.conv2, h);
        match &self.conv_shortcut {
            Some(shortcut) => nn::conv2d(shortcut, x) + h,
            None => x + h,
        }
    }
}

/// Repeats every position of `[B, C, H, W]` in a 2 x 2 square (nearest neighbour).
pub(super) fn double<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch * channels, height, 1, width, 1])
        .expand([batch * channels, height, 2, width, 2])
        .reshape([batch, channels, 2 * height, 2 * width])
}

/// Operations (two per multiply-add) of one block on `pixels` positions.
pub(super) fn resnet_flops(input: usize, output: usize, time: Option<usize>, pixels: u64) -> u64 {
    let (input, output) = (input as u64, output as u64);
    let convolutions = 9 * (input * output + output * output) * pixels;
    let shortcut = if input == output {
        0
    } else {
        input * output * pixels
    };
    2 * (convolutions + shortcut + time.map_or(0, |time| time as u64 * output))
}
