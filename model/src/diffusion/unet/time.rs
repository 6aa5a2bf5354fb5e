//! The time embedding.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::silu;

use crate::nn;

/// Sinusoidal features through two linear layers.
#[derive(Module, Debug)]
pub(super) struct TimeEmbedding<B: Backend> {
    linear_1: Linear<B>,
    linear_2: Linear<B>,
    width: usize,
}

impl<B: Backend> TimeEmbedding<B> {
    /// Embeds timesteps by `width` sinusoids (even) into `output` features.
    pub(super) fn new(width: usize, output: usize, device: &B::Device) -> Self {
        Self {
            linear_1: LinearConfig::new(width, output).init(device),
            linear_2: LinearConfig::new(output, output).init(device),
            width,
        }
    }

    /// `[B, output]` for one timestep per sample.
    pub(super) fn forward(&self, timesteps: &[usize]) -> Tensor<B, 2> {
        let device = self.linear_1.weight.device();
        let values = sinusoids(timesteps, self.width);
        let data = TensorData::new(values, [timesteps.len(), self.width]);
        let hidden = nn::linear(&self.linear_1, Tensor::from_data(data, &device));
        nn::linear(&self.linear_2, silu(hidden))
    }
}

/// Rows of `width / 2` cosines, then as many sines, at geometric frequencies
/// from 1 down to 1 / 10,000 (exclusive).
fn sinusoids(timesteps: &[usize], width: usize) -> Vec<f32> {
    let half = width / 2;
    let angle = |t: usize, i: usize| {
        let frequency = (-(10_000f64.ln()) * i as f64 / half as f64).exp();
        t as f64 * frequency
    };
    let mut out = Vec::with_capacity(timesteps.len() * width);
    for &t in timesteps {
        out.extend((0..half).map(|i| angle(t, i).cos() as f32));
        out.extend((0..half).map(|i| angle(t, i).sin() as f32));
    }
    out
}
