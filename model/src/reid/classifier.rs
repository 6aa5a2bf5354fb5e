//! The training identities' classifier.

use burn::module::{Initializer, Module};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;

use crate::nn;

/// Linear classifier over the neck's output, without bias; inference does without it.
#[derive(Module, Debug)]
pub struct Classifier<B: Backend> {
    fc: Linear<B>,
}

impl<B: Backend> Classifier<B> {
    /// A classifier of `identities` over `width` features, normal with std 0.001.
    pub fn new(width: usize, identities: usize, device: &B::Device) -> Self {
        Self {
            fc: LinearConfig::new(width, identities)
                .with_bias(false)
                .with_initializer(Initializer::Normal {
                    mean: 0.0,
                    std: 0.001,
                })
                .init(device),
        }
    }

    /// Logits `[B, identities]` of neck features `[B, width]`.
    pub fn forward(&self, features: Tensor<B, 2>) -> Tensor<B, 2> {
        nn::linear(&self.fc, features)
    }
}
