//! Multi-head self-attention with one fused input projection.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;

#[cfg(feature = "training")]
use super::block::zeros_like;
use crate::nn;

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

    /// Gives zeros until it has learned.
    #[cfg(feature = "training")]
    pub(super) fn silent(self) -> Self {
        Self {
            proj: zeros_like(&self.proj),
            ..self
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let qkv = nn::linear(&self.qkv, x);
        nn::linear(&self.proj, nn::self_attention(qkv, self.heads))
    }
}
