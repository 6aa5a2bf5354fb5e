//! Prototype memory and the prototypical contrastive loss.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::identity_loss;

/// Which samples of a batch move their identity's prototype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryUpdate {
    /// The one that is least similar to its prototype (the method's default).
    Hard,
    /// Every one, in batch order.
    All,
}

/// Features that no memory can be made of.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MemoryError {
    /// An identity has no image.
    #[error(
        "training identity {0} has no image, so it has no prototype; labels must be contiguous from 0"
    )]
    Empty(usize),
    /// A feature is not a number.
    #[error(
        "a feature of training identity {0} is not finite; the encoder has diverged, lower the learning rate"
    )]
    NotFinite(usize),
}

/// Memory bank M, one L2-normalised prototype of `dim` numbers per identity.
/// It lives outside the autodiff graph: no gradient ever reaches it.
#[derive(Clone, Debug)]
pub struct PrototypeMemory {
    prototypes: Vec<f32>,
    dim: usize,
}

impl PrototypeMemory {
    /// Centroids of the L2-normalised `features` (row-major, one row per label),
    /// normalised again.
    pub fn from_features(
        features: &[f32],
        dim: usize,
        labels: &[usize],
        identities: usize,
    ) -> Result<Self, MemoryError> {
        let mut prototypes = vec![0.0; identities * dim];
        let mut seen = vec![false; identities];
        for (feature, &label) in features.chunks_exact(dim).zip(labels) {
            if feature.iter().any(|value| !value.is_finite()) {
                return Err(MemoryError::NotFinite(label));
            }
            seen[label] = true;
            // The mean's divisor vanishes in the normalisation.
            for (sum, value) in prototypes[label * dim..][..dim].iter_mut().zip(feature) {
                *sum += value;
            }
        }
        if let Some(label) = seen.iter().position(|seen| !seen) {
            return Err(MemoryError::Empty(label));
        }
        prototypes.chunks_exact_mut(dim).for_each(normalize);
        Ok(Self { prototypes, dim })
    }

    /// The memory of prototypes `[N, dim]`, row-major, that [`Self::as_slice`] once gave.
    pub fn from_prototypes(prototypes: Vec<f32>, dim: usize) -> Self {
        Self { prototypes, dim }
    }

    /// Width of a prototype.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// M as a tensor `[N, dim]`.
    pub fn tensor<B: Backend>(&self, device: &B::Device) -> Tensor<B, 2> {
        let shape = [self.prototypes.len() / self.dim, self.dim];
        Tensor::from_data(TensorData::new(self.prototypes.clone(), shape), device)
    }

    /// Prototypes, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.prototypes
    }

    /// `M[y] <- gamma M[y] + (1 - gamma) z` (Equation 7), then normalised, with the
    /// samples that `update` selects from the batch's L2-normalised `features`.
    /// Call it after the batch's gradient: a step's loss sees the old memory.
    pub fn update(&mut self, features: &[f32], labels: &[usize], gamma: f32, update: MemoryUpdate) {
        let row = |i: usize| &features[i * self.dim..][..self.dim];
        let chosen: Vec<usize> = match update {
            MemoryUpdate::All => (0..labels.len()).collect(),
            MemoryUpdate::Hard => {
                let similarity = |i: usize| dot(row(i), &self.prototypes[labels[i] * self.dim..]);
                let mut hardest = std::collections::BTreeMap::<usize, (f32, usize)>::new();
                for (i, &label) in labels.iter().enumerate() {
                    let candidate = (similarity(i), i);
                    let entry = hardest.entry(label).or_insert(candidate);
                    if candidate.0 < entry.0 {
                        *entry = candidate;
                    }
                }
                hardest.into_values().map(|(_, i)| i).collect()
            }
        };
        for i in chosen {
            let prototype = &mut self.prototypes[labels[i] * self.dim..][..self.dim];
            for (old, new) in prototype.iter_mut().zip(row(i)) {
                *old = gamma * *old + (1.0 - gamma) * new;
            }
            normalize(prototype);
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalize(vector: &mut [f32]) {
    let norm = dot(vector, vector).sqrt().max(1e-12);
    vector.iter_mut().for_each(|value| *value /= norm);
}

/// Similarities of L2-normalised features `[B, dim]` to M `[N, dim]`, over the
/// temperature: the logits of Equation 6, `[B, N]`.
pub fn contrastive_logits<B: Backend>(
    features: Tensor<B, 2>,
    memory: Tensor<B, 2>,
    temperature: f64,
) -> Tensor<B, 2> {
    features.matmul(memory.transpose()) / temperature
}

/// Plain cross entropy, batch mean, `[1]`; of [`contrastive_logits`] it is the
/// prototypical contrastive loss (Equation 6).
pub fn cross_entropy<B: Backend>(logits: Tensor<B, 2>, labels: Tensor<B, 1, Int>) -> Tensor<B, 1> {
    identity_loss(logits, labels, 0.0)
}
