//! Convolutions before the patches are cut.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::prelude::*;

use super::VitConfig;
use crate::nn::{self, Activation};

/// A 3 x 3 convolution of stride 2, a norm and ReLU. Field names are those of timm's
/// `ConvNormAct`, of which its `ConvStem` is made.
#[derive(Module, Debug)]
pub(super) struct ConvNormAct<B: Backend> {
    conv: Conv2d<B>,
    bn: GroupNorm<B>,
    residual: Option<Residual<B>>,
}

/// Two convolutions of 3 x 3 that are added to what they take, and a norm of each channel by
/// itself before the last ReLU. Field names are those of torchvision's `BasicBlock`.
#[derive(Module, Debug)]
struct Residual<B: Backend> {
    conv1: Conv2d<B>,
    bn1: GroupNorm<B>,
    conv2: Conv2d<B>,
    bn2: GroupNorm<B>,
    norm: GroupNorm<B>,
}

impl<B: Backend> ConvNormAct<B> {
    /// All of a tower's, with random weights.
    pub(super) fn stem(config: &VitConfig, device: &B::Device) -> Vec<Self> {
        let before = std::iter::once(3).chain(config.stem.iter().copied());
        let layers = before.zip(&config.stem).enumerate();
        let layer = |(i, (before, &channels)): (usize, (usize, &usize))| {
            let groups = config.stem_groups(i);
            Self {
                conv: conv3x3([before, channels], 2, device),
                bn: GroupNormConfig::new(groups, channels).init(device),
                residual: (config.has_residual(i)).then(|| Residual::new(channels, groups, device)),
            }
        };
        layers.map(layer).collect()
    }

    /// `[B, C, H, W]` to `[B, channels, H / 2, W / 2]`, in the number format of `x`.
    pub(super) fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let x = nn::group_norm(&self.bn, nn::conv2d(&self.conv, x), Activation::Relu);
        match &self.residual {
            Some(residual) => residual.forward(x),
            None => x,
        }
    }
}

impl<B: Backend> Residual<B> {
    fn new(channels: usize, groups: usize, device: &B::Device) -> Self {
        let conv = || conv3x3([channels; 2], 1, device);
        let norm = |groups| GroupNormConfig::new(groups, channels).init(device);
        Self {
            conv1: conv(),
            bn1: norm(groups),
            conv2: conv(),
            bn2: norm(groups),
            norm: norm(channels),
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let h = nn::conv2d(&self.conv1, x.clone());
        let h = nn::group_norm(&self.bn1, h, Activation::Relu);
        let h = nn::group_norm(&self.bn2, nn::conv2d(&self.conv2, h), Activation::None);
        nn::group_norm(&self.norm, x + h, Activation::Relu)
    }
}

fn conv3x3<B: Backend>(channels: [usize; 2], stride: usize, device: &B::Device) -> Conv2d<B> {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .init(device)
}
