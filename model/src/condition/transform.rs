//! What may follow the linear combination of prompts (Table 10).

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::silu;
use serde::{Deserialize, Serialize};

use crate::nn::BatchNorm1d;

/// Transforms of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// None (the method).
    Identity,
    /// SiLU.
    Silu,
    /// Batch norm.
    BatchNorm,
    /// Batch norm, then SiLU.
    BatchNormSilu,
    /// Batch norm, SiLU, down to an eighth, batch norm, SiLU, and up again.
    ConditionNet,
}

/// The layers of a [`Transform`]. The condition exists in training only, so its
/// batch norms use the batch's statistics and keep no running ones.
#[derive(Module, Debug)]
pub(super) struct TransformLayers<B: Backend> {
    norm: Option<BatchNorm1d<B>>,
    silu: bool,
    net: Option<Bottleneck<B>>,
}

#[derive(Module, Debug)]
struct Bottleneck<B: Backend> {
    down: Linear<B>,
    norm: BatchNorm1d<B>,
    up: Linear<B>,
}

impl<B: Backend> TransformLayers<B> {
    pub(super) fn new(transform: Transform, width: usize, device: &B::Device) -> Self {
        let narrow = (width / 8).max(1);
        let linear = |i, o| LinearConfig::new(i, o).with_bias(false).init(device);
        let normed = !matches!(transform, Transform::Identity | Transform::Silu);
        Self {
            norm: normed.then(|| BatchNorm1d::new(width, device)),
            silu: !matches!(transform, Transform::Identity | Transform::BatchNorm),
            net: (transform == Transform::ConditionNet).then(|| Bottleneck {
                down: linear(width, narrow),
                norm: BatchNorm1d::new(narrow, device),
                up: linear(narrow, width),
            }),
        }
    }

    /// Maps `[B, width]` to `[B, width]`.
    pub(super) fn forward(&self, c: Tensor<B, 2>) -> Tensor<B, 2> {
        let c = match &self.norm {
            Some(norm) => norm.forward_train(c).0,
            None => c,
        };
        let c = if self.silu { silu(c) } else { c };
        match &self.net {
            Some(net) => {
                let narrow = net.norm.forward_train(net.down.forward(c)).0;
                net.up.forward(silu(narrow))
            }
            None => c,
        }
    }
}
