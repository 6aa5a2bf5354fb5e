//! Label-smoothed cross entropy.

use burn::prelude::*;
use burn::tensor::activation::log_softmax;

/// ID loss (Equation 5): cross entropy of `logits` `[B, N]` against
/// `(1 - smoothing) onehot + smoothing / N`, batch mean, `[1]`.
pub fn identity_loss<B: Backend>(
    logits: Tensor<B, 2>,
    labels: Tensor<B, 1, Int>,
    smoothing: f64,
) -> Tensor<B, 1> {
    let log_p = log_softmax(logits, 1);
    let of_label = log_p.clone().gather(1, labels.unsqueeze_dim(1)).mean();
    // The mean over all classes and samples is the uniform part's 1/N sum.
    let of_all = log_p.mean();
    -(of_label * (1.0 - smoothing) + of_all * smoothing)
}
