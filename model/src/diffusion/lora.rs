//! Low-rank adaptation of a linear layer (Hu et al., 2021).

use burn::module::{Initializer, Module, Param};
use burn::prelude::*;

use crate::nn::{self, Layout};

/// `y = x W^T + b + (1 / r) x A^T B^T` (Equation 9, alpha = 1).
///
/// Without a rank it is a plain linear layer. The low-rank product is never
/// merged into W while training: that would cost a dense gradient per adapter.
#[derive(Module, Debug)]
pub struct LoraLinear<B: Backend> {
    /// W, `[out, in]`.
    pub weight: Param<Tensor<B, 2>>,
    /// b, `[out]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
    /// A, `[r, in]`.
    pub lora_a: Option<Param<Tensor<B, 2>>>,
    /// B, `[out, r]`; zero at first, so that an adapter starts as the identity.
    pub lora_b: Option<Param<Tensor<B, 2>>>,
    rank: usize,
}

impl<B: Backend> LoraLinear<B> {
    /// A layer of random weights; `rank` 0 leaves the adapter out.
    pub fn new(input: usize, output: usize, bias: bool, rank: usize, device: &B::Device) -> Self {
        // torch.nn.Linear's default, Kaiming-uniform with a = sqrt(5): U(-k, k), k = 1 / sqrt(in).
        let kaiming = Initializer::KaimingUniform {
            gain: 1.0 / 3.0_f64.sqrt(),
            fan_out_only: false,
        };
        let matrix = |rows, columns| {
            kaiming.init_with::<B, 2, _>([rows, columns], Some(columns), Some(rows), device)
        };
        Self {
            weight: matrix(output, input),
            bias: bias.then(|| kaiming.init_with([output], Some(input), Some(output), device)),
            lora_a: (rank > 0).then(|| matrix(rank, input)),
            lora_b: (rank > 0).then(|| Initializer::Zeros.init([output, rank], device)),
            rank,
        }
    }

    /// Maps `[B, T, in]` to `[B, T, out]`.
    pub fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let apply = |x, weight: &Param<Tensor<B, 2>>, bias| {
            nn::affine(x, weight.val(), Layout::OutIn, bias)
        };
        let y = apply(x.clone(), &self.weight, self.bias.as_ref().map(Param::val));
        match (&self.lora_a, &self.lora_b) {
            (Some(a), Some(b)) => {
                // Scaled where it has r numbers, not `out`.
                let low = apply(x, a, None) / self.rank as f64;
                y + apply(low, b, None)
            }
            _ => y,
        }
    }

    /// The same layer with its adapter added into W.
    pub fn merge(mut self) -> Self {
        if let (Some(a), Some(b)) = (self.lora_a.take(), self.lora_b.take()) {
            let product = b.val().matmul(a.val()) / self.rank as f64;
            self.weight = self.weight.map(|weight| weight + product);
        }
        self.rank = 0;
        self
    }
}
