//! The coarsest resolution, the same in encoder and decoder.

use burn::module::Module;
use burn::nn::{GroupNorm, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::softmax;

use super::super::resnet::{ResnetBlock, ResnetStyle, group_norm};
use super::EPSILON;
use crate::nn::{self, Activation};

/// Two residual blocks around an attention.
#[derive(Module, Debug)]
pub(super) struct Mid<B: Backend> {
    resnets: Vec<ResnetBlock<B>>,
    attention: SpatialAttention<B>,
}

impl<B: Backend> Mid<B> {
    pub(super) fn new(channels: usize, style: ResnetStyle, device: &B::Device) -> Self {
        Self {
            resnets: (0..2)
                .map(|_| ResnetBlock::new(channels, channels, style, device))
                .collect(),
            attention: SpatialAttention::new(channels, style.groups, device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [first, second] = [0, 1].map(|i| &self.resnets[i]);
        second.forward(self.attention.forward(first.forward(x, None)), None)
    }
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

impl<B: Backend> SpatialAttention<B> {
    fn new(channels: usize, groups: usize, device: &B::Device) -> Self {
        let linear = || LinearConfig::new(channels, channels).init(device);
        Self {
            group_norm: group_norm(groups, channels, EPSILON, device),
            to_q: linear(),
            to_k: linear(),
            to_v: linear(),
            to_out: linear(),
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = x.dims();
        let h = nn::group_norm(&self.group_norm, x.clone(), Activation::None);
        let h: Tensor<B, 3> = h.flatten::<3>(2, 3).swap_dims(1, 2);
        let q = nn::linear(&self.to_q, h.clone()) * (channels as f64).powf(-0.5);
        let weights = softmax(q.matmul(nn::linear(&self.to_k, h.clone()).transpose()), 2);
        let mixed = nn::linear(&self.to_out, weights.matmul(nn::linear(&self.to_v, h)));
        x + mixed
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width])
    }
}
