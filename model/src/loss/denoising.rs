//! Mean squared error of the predicted noise.

use burn::prelude::*;

/// Denoising loss (Equation 11): the mean over all elements of the squared difference
/// between `predicted` and true `noise`, both `[B, C, H, W]`, `[1]`.
pub fn denoising_loss<B: Backend>(predicted: Tensor<B, 4>, noise: Tensor<B, 4>) -> Tensor<B, 1> {
    (predicted - noise).square().mean()
}
