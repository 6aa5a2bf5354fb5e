//! The correlation-aware condition, the only bridge between both models.

mod transform;

use burn::module::{Initializer, Module, Param};
use burn::prelude::*;
use burn::tensor::activation::softmax;
use serde::{Deserialize, Serialize};

pub use transform::Transform;
use transform::TransformLayers;

/// What weights the prompts (Table 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// The image's own L2-normalised feature; prompts are `[features, context]`.
    Instance,
    /// The true identity alone; no gradient reaches the encoder through it.
    Class,
    /// All identities by their probability (the method).
    Correlation,
}

/// Where the correlation-aware scheme takes its probabilities from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probabilities {
    /// Softmax of the classifier's logits over the temperature (Equation 12).
    Classifier,
    /// Softmax of the contrastive logits.
    Memory,
    /// The mean of both.
    Mean,
}

/// Settings of the condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionConfig {
    /// What weights the prompts.
    pub scheme: Scheme,
    /// Source of the probabilities.
    pub probabilities: Probabilities,
    /// tau_c: 0.1 for CUHK03-NP, 0.6 for Market-1501 and DukeMTMC-reID, 1 for
    /// MSMT17 and several sources.
    pub temperature: f64,
    /// What follows the linear combination (Table 10).
    pub transform: Transform,
}

impl Default for ConditionConfig {
    fn default() -> Self {
        Self {
            scheme: Scheme::Correlation,
            probabilities: Probabilities::Classifier,
            temperature: 0.6,
            transform: Transform::Identity,
        }
    }
}

/// What the re-ID model knows of a batch.
pub struct Evidence<B: Backend> {
    /// Classifier logits `[B, N]`.
    pub logits: Tensor<B, 2>,
    /// Contrastive logits `[B, N]`.
    pub contrastive: Tensor<B, 2>,
    /// L2-normalised neck features `[B, d]`.
    pub features: Tensor<B, 2>,
    /// Labels `[B]`.
    pub labels: Tensor<B, 1, Int>,
}

/// Learnable identity prompts and what is done with them.
#[derive(Module, Debug)]
pub struct Condition<B: Backend> {
    prompts: Param<Tensor<B, 2>>,
    transform: TransformLayers<B>,
}

impl<B: Backend> Condition<B> {
    /// Prompts for `identities` (or, instance-wise, for `features` dimensions) of
    /// `context` numbers each, drawn from a standard normal distribution.
    pub fn new(
        config: &ConditionConfig,
        identities: usize,
        features: usize,
        context: usize,
        device: &B::Device,
    ) -> Self {
        let rows = match config.scheme {
            Scheme::Instance => features,
            Scheme::Class | Scheme::Correlation => identities,
        };
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 1.0,
        };
        Self {
            prompts: normal.init([rows, context], device),
            transform: TransformLayers::new(config.transform, context, device),
        }
    }

    /// The condition `[B, 1, context]`, one token per image.
    pub fn forward(&self, config: &ConditionConfig, evidence: Evidence<B>) -> Tensor<B, 3> {
        let prompts = self.prompts.val();
        let combined = match config.scheme {
            Scheme::Instance => evidence.features.matmul(prompts),
            Scheme::Class => prompts.select(0, evidence.labels),
            Scheme::Correlation => probabilities(config, evidence).matmul(prompts),
        };
        self.transform.forward(combined).unsqueeze_dim(1)
    }
}

/// p of Equation 12, `[B, N]`.
fn probabilities<B: Backend>(config: &ConditionConfig, evidence: Evidence<B>) -> Tensor<B, 2> {
    let classifier = || softmax(evidence.logits.clone() / config.temperature, 1);
    let memory = || softmax(evidence.contrastive.clone(), 1);
    match config.probabilities {
        Probabilities::Classifier => classifier(),
        Probabilities::Memory => memory(),
        Probabilities::Mean => (classifier() + memory()) / 2.0,
    }
}
