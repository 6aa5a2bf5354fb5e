//! A vision tower that learns from attributes, as CLIP's learns from captions.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;

use super::{AttributeEncoder, Named, name_attributes};
use crate::loss::{pair_logits, pair_loss};
use crate::reid::{EncoderConfig, ReidEncoder, l2_normalize};

/// Image and attribute encoder, and the scale of their similarities.
#[derive(Module, Debug)]
pub struct ImageAttributePairs<B: Backend> {
    /// What is kept; its neck is not trained.
    pub encoder: ReidEncoder<B>,
    attributes: AttributeEncoder<B>,
    /// Logarithm of the similarities' scale, `[1]`.
    logit_scale: Param<Tensor<B, 1>>,
    /// Logits of all values from an embedding.
    naming: Linear<B>,
}

/// What a batch of pairs gives.
pub struct Matched<B: Backend> {
    /// Symmetric contrastive loss of pictures and all that is told of them, `[1]`.
    pub loss: Tensor<B, 1>,
    /// Share of the images whose own attributes are the most similar of the batch, `[1]`.
    pub accuracy: Tensor<B, 1>,
    /// Every attribute by itself. Captions differ in so much that a small batch teaches little of
    /// any one attribute, and among vectors of unit length hardly anything until the first few
    /// are known: hence from the embedding as it is, linearly.
    pub named: Named<B>,
}

/// CLIP's temperature at the start; its inverse is the scale.
const TEMPERATURE: f64 = 0.07;
/// Largest scale.
const LARGEST_SCALE: f64 = 100.0;

impl<B: Backend> ImageAttributePairs<B> {
    /// Random weights, for so many `values` of all attributes. `config` must be valid.
    pub fn new(config: &EncoderConfig, values: usize, device: &B::Device) -> Self {
        let vit = &config.vit;
        Self {
            encoder: ReidEncoder::new(config, device).with_sine_positions(config),
            attributes: AttributeEncoder::new(values, vit.dim, vit.embedding, device),
            logit_scale: Param::from_tensor(Tensor::from_floats(
                [(1.0 / TEMPERATURE).ln() as f32],
                device,
            )),
            naming: LinearConfig::new(vit.embedding, values).init(device),
        }
    }

    /// Normalised images `[B, 3, height, width]` and the attributes that are told of each,
    /// `[B, values]`; `sizes` are the numbers of values of each attribute.
    pub fn forward(
        &self,
        images: Tensor<B, 4>,
        marks: Tensor<B, 2>,
        sizes: &[usize],
    ) -> Matched<B> {
        let scale = self.logit_scale.val().exp();
        let embeddings = self.encoder.embed_before_neck(images, None);
        let named = name_attributes(
            self.naming.forward(embeddings.clone()),
            marks.clone(),
            sizes,
        );
        let captions = l2_normalize(self.attributes.forward(marks));
        let logits = pair_logits(l2_normalize(embeddings), captions, scale);
        let [count, _] = logits.dims();
        let own = Tensor::<B, 1, Int>::arange(0..count as i64, &logits.device());
        let nearest = logits.clone().detach().argmax(1).squeeze_dim::<1>(1);
        Matched {
            loss: pair_loss(logits),
            accuracy: nearest.equal(own).float().mean(),
            named,
        }
    }

    /// Keeps the scale at 100 at most, as CLIP does after every step.
    pub fn clamp_scale(mut self) -> Self {
        self.logit_scale = (self.logit_scale)
            .map(|scale| scale.clamp_max(LARGEST_SCALE.ln()).detach().require_grad());
        self
    }
}
