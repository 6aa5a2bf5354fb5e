//! A vision tower that learns from attributes, as CLIP's learns from captions.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;

use super::{AttributeEncoder, Named, name_attributes};
use crate::loss::{cross_entropy, pair_logits, pair_loss};
use crate::reid::{EncoderConfig, ReidEncoder, l2_normalize};

/// Image and attribute encoder, and the scale of their similarities.
#[derive(Module, Debug)]
pub struct ImageAttributePairs<B: Backend> {
    /// What is kept; its neck is not trained.
    pub encoder: ReidEncoder<B>,
    attributes: AttributeEncoder<B>,
    /// Logarithm of the scale of similarities to attributes, `[1]`.
    logit_scale: Param<Tensor<B, 1>>,
    /// Logarithm of the scale of similarities among pictures, `[1]`.
    person_scale: Param<Tensor<B, 1>>,
    /// Logits of all values from an embedding.
    naming: Linear<B>,
}

/// What a batch of people gives, each seen twice.
pub struct Matched<B: Backend> {
    /// Pictures and all that is told of them.
    pub told: Contrast<B>,
    /// Each picture and the other one of the same person, among all pictures of the batch: what
    /// re-identification asks for.
    pub people: Contrast<B>,
    /// Every attribute by itself. Captions differ in so much that a small batch teaches little of
    /// any one attribute, and among vectors of unit length hardly anything until the first few
    /// are known: hence from the embedding as it is, linearly.
    pub named: Named<B>,
}

/// How well rows and columns that belong together are found.
pub struct Contrast<B: Backend> {
    /// Symmetric contrastive loss, `[1]`.
    pub loss: Tensor<B, 1>,
    /// Share of the rows whose own column is the most similar, `[1]`.
    pub accuracy: Tensor<B, 1>,
}

impl<B: Backend> Contrast<B> {
    /// From similarities `[B, B]` times their scale.
    fn of(logits: Tensor<B, 2>) -> Self {
        let [count, _] = logits.dims();
        let own = Tensor::<B, 1, Int>::arange(0..count as i64, &logits.device());
        Self {
            accuracy: hits(&logits, own),
            loss: pair_loss(logits),
        }
    }

    /// From L2-normalised embeddings `[2P, d]` of the first pictures of all people, then of the
    /// second: every picture looks for the other of its person (NT-Xent; Chen et al., 2020).
    fn of_people(embeddings: Tensor<B, 2>, scale: Tensor<B, 1>) -> Self {
        let [count, _] = embeddings.dims();
        let device = embeddings.device();
        let itself = Tensor::<B, 2>::eye(count, &device) * NEVER;
        let logits = pair_logits(embeddings.clone(), embeddings, scale) - itself;
        let first = Tensor::<B, 1, Int>::arange(0..count as i64 / 2, &device);
        let other = Tensor::cat(vec![first.clone() + count as i64 / 2, first], 0);
        Self {
            accuracy: hits(&logits, other.clone()),
            loss: cross_entropy(logits, other),
        }
    }

    fn mean(self, other: Self) -> Self {
        Self {
            loss: (self.loss + other.loss) * 0.5,
            accuracy: (self.accuracy + other.accuracy) * 0.5,
        }
    }
}

/// What is taken from a logit that must not win.
const NEVER: f64 = 1e4;
/// CLIP's temperature at the start; its inverse is the scale.
const TEMPERATURE: f64 = 0.07;
/// Largest scale.
const LARGEST_SCALE: f64 = 100.0;

impl<B: Backend> ImageAttributePairs<B> {
    /// Random weights, for so many `values` of all attributes. `config` must be valid.
    pub fn new(config: &EncoderConfig, values: usize, device: &B::Device) -> Self {
        let vit = &config.vit;
        let scale = || {
            Param::from_tensor(Tensor::from_floats(
                [(1.0 / TEMPERATURE).ln() as f32],
                device,
            ))
        };
        Self {
            encoder: ReidEncoder::new(config, device).begun(config),
            attributes: AttributeEncoder::new(values, vit.dim, vit.embedding, device),
            logit_scale: scale(),
            person_scale: scale(),
            naming: LinearConfig::new(vit.embedding, values).init(device),
        }
    }

    /// Normalised images `[2P, 3, height, width]`, the first of every person and then the second
    /// of every person, and the attributes that are told of each, `[2P, values]`; `sizes` are the
    /// numbers of values of each attribute.
    pub fn forward(
        &self,
        images: Tensor<B, 4>,
        marks: Tensor<B, 2>,
        sizes: &[usize],
    ) -> Matched<B> {
        let embeddings = self.encoder.embed_before_neck(images, None);
        let named = name_attributes(
            self.naming.forward(embeddings.clone()),
            marks.clone(),
            sizes,
        );
        let captions = l2_normalize(self.attributes.forward(marks));
        let embeddings = l2_normalize(embeddings);
        let people = Contrast::of_people(embeddings.clone(), self.person_scale.val().exp());
        // Two pictures of a person have nearly the same caption: each is told from the pictures
        // of other people alone.
        let [first, second] = halves(embeddings);
        let [first_told, second_told] = halves(captions);
        let scale = self.logit_scale.val().exp();
        let told = |images: &Tensor<B, 2>, captions: Tensor<B, 2>| {
            Contrast::of(pair_logits(images.clone(), captions, scale.clone()))
        };
        Matched {
            told: told(&first, first_told).mean(told(&second, second_told)),
            people,
            named,
        }
    }

    /// Keeps the scales at 100 at most, as CLIP does after every step.
    pub fn clamp_scale(mut self) -> Self {
        let clamp = |scale: Param<Tensor<B, 1>>| {
            scale.map(|scale| scale.clamp_max(LARGEST_SCALE.ln()).detach().require_grad())
        };
        self.logit_scale = clamp(self.logit_scale);
        self.person_scale = clamp(self.person_scale);
        self
    }
}

/// Share of the rows whose largest logit is in the column that is theirs, `[1]`.
fn hits<B: Backend>(logits: &Tensor<B, 2>, own: Tensor<B, 1, Int>) -> Tensor<B, 1> {
    let nearest = logits.clone().detach().argmax(1).squeeze_dim::<1>(1);
    nearest.equal(own).float().mean()
}

/// Upper and lower half of the rows.
fn halves<B: Backend>(rows: Tensor<B, 2>) -> [Tensor<B, 2>; 2] {
    let count = rows.dims()[0] / 2;
    [
        rows.clone().slice_dim(0, 0..count),
        rows.slice_dim(0, count..2 * count),
    ]
}
