//! Convolutions before the patches are cut.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::activation::relu;

use super::VitConfig;
use crate::nn;

/// A 3 x 3 convolution of stride 2, a norm and ReLU. Field names are those of timm's
/// `ConvNormAct`, of which its `ConvStem` is made.
#[derive(Module, Debug)]
pub(super) struct ConvNormAct<B: Backend> {
    conv: Conv2d<B>,
    bn: GroupNorm<B>,
}

impl<B: Backend> ConvNormAct<B> {
    /// All of a tower's, with random weights.
    pub(super) fn stem(config: &VitConfig, device: &B::Device) -> Vec<Self> {
        let before = std::iter::once(3).chain(config.stem.iter().copied());
        let layers = before.zip(&config.stem).enumerate();
        let layer = |(i, (before, &channels)): (usize, (usize, &usize))| Self {
            conv: Conv2dConfig::new([before, channels], [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_bias(false)
                .init(device),
            bn: GroupNormConfig::new(config.stem_groups(i), channels).init(device),
        };
        layers.map(layer).collect()
    }

    /// `[B, C, H, W]` to `[B, channels, H / 2, W / 2]`, in the number format of `x`.
    pub(super) fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        relu(nn::group_norm(&self.bn, nn::conv2d(&self.conv, x)))
    }
}
