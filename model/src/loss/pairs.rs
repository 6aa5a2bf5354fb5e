//! The loss that CLIP is trained with (Radford et al., 2021).

use burn::prelude::*;

use super::cross_entropy;

/// Similarities of images and captions, times the scale: L2-normalised `images` `[B, d]` and
/// `captions` `[C, d]`, `scale` `[1]`; `[B, C]`.
pub fn pair_logits<B: Backend>(
    images: Tensor<B, 2>,
    captions: Tensor<B, 2>,
    scale: Tensor<B, 1>,
) -> Tensor<B, 2> {
    images.matmul(captions.transpose()) * scale.unsqueeze::<2>()
}

/// Symmetric cross entropy of [`pair_logits`] `[B, B]`, where row i and column i belong together:
/// the mean of the loss that finds a caption for every image and the one that finds an image
/// for every caption (InfoNCE both ways), `[1]`.
pub fn pair_loss<B: Backend>(logits: Tensor<B, 2>) -> Tensor<B, 1> {
    let [count, _] = logits.dims();
    let own = Tensor::arange(0..count as i64, &logits.device());
    let captions = cross_entropy(logits.clone(), own.clone());
    let images = cross_entropy(logits.transpose(), own);
    (captions + images) * 0.5
}
