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
    /// what speaks against the score is cut off. Of a tower that is read in bands they are what
    /// the bands read, and the mean is taken over each band's patches, which have one gradient.
    pub(crate) fn class_activation<T>(
        &self,
        images: Tensor<B, 4>,
        score: impl FnOnce(Tensor<B, 2>) -> (Tensor<B, 1>, T),
    ) -> (Tensor<B::InnerBackend, 2>, T) {
        let (embedding, activations) = self.vit.forward_to_class_activation(images);
        let (score, other) = score(self.neck.forward(embedding));
        let gradients = score.backward();
        let [batch, tokens, _] = activations.dims();
        let patches = |x: Tensor<B::InnerBackend, 3>| x.slice([0..batch, 1..tokens]);
        let zero = || activations.clone().inner().zeros_like();
        let gradient = activations.grad(&gradients).unwrap_or_else(zero);
        let by_part = |x: Tensor<B::InnerBackend, 3>| {
            let [_, _, dim] = x.dims();
            let parts = self.vit.parts();
            patches(x).reshape([batch, parts, (tokens - 1) / parts, dim])
        };
        let weights = by_part(gradient).mean_dim(2);
        let map = (by_part(activations.inner()) * weights).sum_dim(3);
        let map = map.reshape([batch, tokens - 1]).clamp_min(0.0);
        // A map of zeros stays one.
        let most = map.clone().max_dim(1).clamp_min(f32::MIN_POSITIVE);
        (map / most, other)
    }
}
