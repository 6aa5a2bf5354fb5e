//! Which parts of a picture speak for an identity: Grad-CAM (Selvaraju et al.), in the
//! form that is customary for vision transformers.

use burn::prelude::*;
use burn::tensor::backend::AutodiffBackend;

use super::ReidEncoder;

impl<B: AutodiffBackend> ReidEncoder<B> {
    /// Class activation maps `[B, patches]`, each divided by its maximum, of a score that
    /// `score` computes from the neck's output `[B, embedding]` under running statistics,
    /// and what else it gives.
    ///
    /// The activations are the output of the last block's first norm without the class
    /// token; every channel is weighted by the mean of its gradient over the patches, and
    /// what speaks against the score is cut off.
    pub(crate) fn class_activation<T>(
        &self,
        images: Tensor<B, 4>,
        score: impl FnOnce(Tensor<B, 2>) -> (Tensor<B, 1>, T),
    ) -> (Tensor<B::InnerBackend, 2>, T) {
        let (embedding, activations) = self.vit.forward_to_last_norm(images);
        let (score, other) = score(self.neck.forward(embedding));
        let gradients = score.backward();
        let [batch, tokens, _] = activations.dims();
        let patches = |x: Tensor<B::InnerBackend, 3>| x.slice([0..batch, 1..tokens]);
        let zero = || activations.clone().inner().zeros_like();
        let gradient = activations.grad(&gradients).unwrap_or_else(zero);
        let weights = patches(gradient).mean_dim(1);
        let map = (patches(activations.inner()) * weights)
            .sum_dim(2)
            .squeeze_dim::<2>(2);
        let map = map.clamp_min(0.0);
        // A map of zeros stays one.
        let most = map.clone().max_dim(1).clamp_min(f32::MIN_POSITIVE);
        (map / most, other)
    }
}
