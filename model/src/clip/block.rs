//! One pre-norm transformer block.

#[cfg(feature = "training")]
use burn::module::Initializer;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::DType;

use super::attention::Attention;
use crate::nn;

/// `x + attention(norm1(x))`, then `x + mlp(norm2(x))`, over `[B, T, D]`.
#[derive(Module, Debug)]
pub(super) struct Block<B: Backend> {
    norm1: LayerNorm<B>,
    attn: Attention<B>,
    norm2: LayerNorm<B>,
    mlp: Mlp<B>,
}

impl<B: Backend> Block<B> {
    pub(super) fn new(dim: usize, heads: usize, mlp_ratio: usize, device: &B::Device) -> Self {
        Self {
            norm1: LayerNormConfig::new(dim).init(device),
            attn: Attention::new(dim, heads, device),
            norm2: LayerNormConfig::new(dim).init(device),
            mlp: Mlp {
                fc1: LinearConfig::new(dim, mlp_ratio * dim).init(device),
                fc2: LinearConfig::new(mlp_ratio * dim, dim).init(device),
            },
        }
    }

    /// The block that gives what it takes until it has learned.
    #[cfg(feature = "training")]
    pub(super) fn silent(mut self) -> Self {
        self.attn = self.attn.silent();
        self.mlp.fc2 = zeros_like(&self.mlp.fc2);
        self
    }

    /// `x` and the result are f32; the layers in between compute in `compute`.
    pub(super) fn forward(&self, x: Tensor<B, 3>, compute: DType) -> Tensor<B, 3> {
        let normed = self.norm(x.clone());
        self.forward_normed(x, normed, compute)
    }

    /// The first norm.
    pub(super) fn norm(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        nn::layer_norm(&self.norm1, x)
    }

    /// [`Self::forward`], given the first norm of `x`.
    pub(super) fn forward_normed(
        &self,
        x: Tensor<B, 3>,
        normed: Tensor<B, 3>,
        compute: DType,
    ) -> Tensor<B, 3> {
        let h = nn::cast(normed, compute);
        let x = x + nn::cast(self.attn.forward(h), DType::F32);
        let h = nn::cast(nn::layer_norm(&self.norm2, x.clone()), compute);
        x + nn::cast(self.mlp.forward(h), DType::F32)
    }
}

/// A layer of the same shape that gives zeros.
#[cfg(feature = "training")]
pub(super) fn zeros_like<B: Backend>(layer: &Linear<B>) -> Linear<B> {
    let [inputs, outputs] = layer.weight.dims();
    LinearConfig::new(inputs, outputs)
        .with_bias(layer.bias.is_some())
        .with_initializer(Initializer::Zeros)
        .init(&layer.weight.device())
}

#[derive(Module, Debug)]
struct Mlp<B: Backend> {
    fc1: Linear<B>,
    fc2: Linear<B>,
}

impl<B: Backend> Mlp<B> {
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let hidden = nn::quick_gelu(nn::linear(&self.fc1, x));
        nn::linear(&self.fc2, hidden)
    }
}
