//! Grad-CAM of a training identity (Figure 3).

use burn::prelude::*;
use burn::tensor::backend::AutodiffBackend;

use super::Dcac;

/// Where each picture of a batch speaks for an identity.
pub struct ClassActivation<B: Backend> {
    /// Maps `[B, patches]`, row by row of the patch grid, each 0 to 1.
    pub maps: Tensor<B, 2>,
    /// The classifier's logits `[B, identities]`, under the neck's running statistics.
    pub logits: Tensor<B, 2>,
}

impl<B: AutodiffBackend> Dcac<B> {
    /// Class activation maps of normalised images `[B, 3, height, width]` for one training
    /// identity, below the number of identities, or for the one that the classifier names.
    pub fn class_activation(
        &self,
        images: Tensor<B, 4>,
        identity: Option<usize>,
    ) -> ClassActivation<B::InnerBackend> {
        let (maps, logits) = self.encoder.class_activation(images, |features| {
            let logits = self.classifier.forward(features);
            let chosen = match identity {
                Some(identity) => logits.clone().narrow(1, identity, 1).sum(),
                None => logits.clone().max_dim(1).sum(),
            };
            (chosen, logits.inner())
        });
        ClassActivation { maps, logits }
    }
}
