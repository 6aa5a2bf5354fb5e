//! Multi-head self-attention with one fused input projection.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::softmax;

/// Self-attention over `[B, T, D]`; field names as in timm.
#[derive(Module, Debug)]
pub(super) struct Attention<B: Backend> {
    qkv: Linear<B>,
    proj: Linear<B>,
    heads: usize,
}

impl<B: Backend> Attention<B> {
    pub(super) fn new(dim: usize, heads: usize, device: &B::Device) -> Self {
        Self {
            qkv: LinearConfig::new(dim, 3 * dim).init(device),
            proj: LinearConfig::new(dim, dim).init(device),
            heads,
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [batch, tokens, dim] = x.dims();
        let head = dim / self.heads;
        let [q, k, v] = self
            .qkv
            .forward(x)
            .reshape([batch, tokens, 3, self.heads, head])
            .permute([2, 0, 3, 1, 4])
            .chunk(3, 0)
            .try_into()
            .map(|parts: [Tensor<B, 5>; 3]| parts.map(|part| part.squeeze_dim::<4>(0)))
            .unwrap_or_else(|_| unreachable!("three chunks of a dimension of three"));
        let weights = softmax((q * (head as f64).powf(-0.5)).matmul(k.transpose()), 3);
        let mixed = weights.matmul(v);
        self.proj
            .forward(mixed.swap_dims(1, 2).reshape([batch, tokens, dim]))
    }
}
