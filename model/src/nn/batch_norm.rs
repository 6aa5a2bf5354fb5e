//! Batch normalisation over vectors, with PyTorch's running statistics.

use burn::module::{Initializer, Module, Param};
use burn::prelude::*;

/// Batch normalisation of `[B, C]` features.
///
/// Unlike burn's own layer the running variance is the unbiased one, as in
/// `torch.nn.BatchNorm1d`, so exported statistics mean the same thing in both
/// worlds. The statistics are plain values: [`BatchNorm1d::forward_train`]
/// returns those of the batch and [`BatchNorm1d::absorb`] folds them in, so a
/// forward never changes a module behind its owner's back.
#[derive(Module, Debug)]
pub struct BatchNorm1d<B: Backend> {
    /// Scale, `[C]`.
    pub weight: Param<Tensor<B, 1>>,
    /// Shift, `[C]`.
    pub bias: Param<Tensor<B, 1>>,
    /// Running mean, `[C]`; never trained.
    pub running_mean: Param<Tensor<B, 1>>,
    /// Running unbiased variance, `[C]`; never trained.
    pub running_var: Param<Tensor<B, 1>>,
    epsilon: f64,
    momentum: f64,
}

/// Mean and unbiased variance of one batch, both `[C]`.
#[derive(Clone, Debug)]
pub struct BatchStats<B: Backend> {
    mean: Tensor<B, 1>,
    variance: Tensor<B, 1>,
}

impl<B: Backend> BatchNorm1d<B> {
    /// A layer for `width` features: weight 1, bias 0, epsilon 1e-5, momentum 0.1.
    pub fn new(width: usize, device: &B::Device) -> Self {
        let buffer = |value: Initializer| value.init([width], device).set_require_grad(false);
        Self {
            weight: Initializer::Ones.init([width], device),
            bias: Initializer::Zeros.init([width], device),
            running_mean: buffer(Initializer::Zeros),
            running_var: buffer(Initializer::Ones),
            epsilon: 1e-5,
            momentum: 0.1,
        }
    }

    /// Normalises `[B, C]` with the running statistics.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let scale = self.weight.val() / (self.running_var.val() + self.epsilon).sqrt();
        let shift = self.bias.val() - self.running_mean.val() * scale.clone();
        x * scale.unsqueeze() + shift.unsqueeze()
    }

    /// Normalises `[B, C]`, B >= 2, with the batch's own statistics and returns them.
    pub fn forward_train(&self, x: Tensor<B, 2>) -> (Tensor<B, 2>, BatchStats<B>) {
        let [batch, _] = x.dims();
        let mean = x.clone().mean_dim(0);
        let centred = x - mean.clone();
        let variance = centred.clone().square().mean_dim(0);
        let y = centred / (variance.clone() + self.epsilon).sqrt();
        let y = y * self.weight.val().unsqueeze() + self.bias.val().unsqueeze();
        let unbiased = batch as f64 / (batch.max(2) - 1) as f64;
        let stats = BatchStats {
            mean: mean.squeeze_dim::<1>(0).detach(),
            variance: variance.squeeze_dim::<1>(0).detach() * unbiased,
        };
        (y, stats)
    }

    /// Moves the running statistics towards a batch's by the momentum.
    pub fn absorb(mut self, stats: &BatchStats<B>) -> Self {
        let blend = |old: Tensor<B, 1>, new: &Tensor<B, 1>| {
            (old * (1.0 - self.momentum) + new.clone() * self.momentum)
                .detach()
                .set_require_grad(false)
        };
        self.running_mean = self.running_mean.map(|old| blend(old, &stats.mean));
        self.running_var = self.running_var.map(|old| blend(old, &stats.variance));
        self
    }
}
