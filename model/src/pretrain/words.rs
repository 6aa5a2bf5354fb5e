//! Attributes one by one.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::activation::log_softmax;

/// What finding the right value of every attribute gives.
pub struct Named<B: Backend> {
    /// Cross entropy over the values of each attribute that is told, mean over all of these,
    /// `[1]`.
    pub loss: Tensor<B, 1>,
    /// Share of them that are named right, `[1]`.
    pub accuracy: Tensor<B, 1>,
}

/// Names attributes from logits `[B, values]` of all values. The values of an attribute follow
/// each other; `sizes` are their numbers. `marks` `[B, values]` has a 1 at the value of each
/// attribute that is told of a picture.
pub fn name_attributes<B: Backend>(
    logits: Tensor<B, 2>,
    marks: Tensor<B, 2>,
    sizes: &[usize],
) -> Named<B> {
    let mut first = 0;
    let (mut losses, mut right) = (Vec::new(), Vec::new());
    for &size in sizes {
        let values: Range<usize> = first..first + size;
        let of = |all: &Tensor<B, 2>| all.clone().slice_dim(1, values.clone());
        let (told, log_p) = (of(&marks), log_softmax(of(&logits), 1));
        let own = (log_p.clone() * told.clone()).sum_dim(1);
        // Where nothing is told, own is 0 and no value is right.
        let best = own
            .clone()
            .detach()
            .greater_equal(log_p.detach().max_dim(1));
        right.push(best.float() * told.sum_dim(1));
        losses.push(own);
        first += size;
    }
    let told = marks.sum().clamp_min(1.0);
    Named {
        loss: Tensor::cat(losses, 1).sum().neg() / told.clone(),
        accuracy: Tensor::cat(right, 1).sum() / told,
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn each_told_attribute_counts_once() {
        let device = Default::default();
        let tensor = |rows: [[f32; 5]; 2]| Tensor::<Flex, 2>::from_data(rows, &device);
        // Attributes of 2 and 3 values; of the second picture one of them is told.
        let logits = tensor([[1.0, 3.0, 0.5, 0.5, 2.0], [0.0, 1.0, 7.0, 7.0, 1.0]]);
        let marks = tensor([[0.0, 1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]]);
        let named = name_attributes(logits, marks, &[2, 3]);
        let ln = |x: f32| x.ln();
        let expected = [
            ln(1.0 + (-2.0f32).exp()),
            ln(2.0 + 1.5f32.exp()),
            ln(1.0 + 1.0f32.exp()),
        ];
        let expected = expected.iter().sum::<f32>() / 3.0;
        assert!((named.loss.into_scalar() - expected).abs() < 1e-6);
        assert!((named.accuracy.into_scalar() - 1.0 / 3.0).abs() < 1e-6);
    }
}
