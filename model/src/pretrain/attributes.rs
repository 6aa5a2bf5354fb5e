//! Attributes to vectors: what CLIP's text tower is to captions.

use burn::module::{Initializer, Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;

use crate::nn;

/// The sum of a learned vector per attribute value that holds, through a residual
/// feed-forward and a projection.
#[derive(Module, Debug)]
pub struct AttributeEncoder<B: Backend> {
    /// One vector per value of every attribute, `[values, width]`.
    values: Param<Tensor<B, 2>>,
    norm_1: LayerNorm<B>,
    fc1: Linear<B>,
    fc2: Linear<B>,
    norm_2: LayerNorm<B>,
    head: Linear<B>,
}

impl<B: Backend> AttributeEncoder<B> {
    /// An encoder of random weights for so many `values` of all attributes together.
    pub fn new(values: usize, width: usize, output: usize, device: &B::Device) -> Self {
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        Self {
            values: normal(1.0).init([values, width], device),
            norm_1: LayerNormConfig::new(width).init(device),
            fc1: LinearConfig::new(width, 2 * width).init(device),
            fc2: LinearConfig::new(2 * width, width).init(device),
            norm_2: LayerNormConfig::new(width).init(device),
            head: LinearConfig::new(width, output)
                .with_bias(false)
                .with_initializer(normal((width as f64).powf(-0.5)))
                .init(device),
        }
    }

    /// Vectors `[B, output]` of `marks` `[B, values]`, 1 for each value that holds and is
    /// told, else 0.
    pub fn forward(&self, marks: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = nn::layer_norm(&self.norm_1, marks.matmul(self.values.val()));
        let hidden = nn::quick_gelu(nn::linear(&self.fc1, x.clone()));
        let x = x + nn::linear(&self.fc2, hidden);
        nn::linear(&self.head, nn::layer_norm(&self.norm_2, x))
    }
}
