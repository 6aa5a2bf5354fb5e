//! One forward of the co-training.

use burn::module::Module;
use burn::prelude::*;

use super::DcacConfig;
use crate::condition::{Condition, Evidence};
use crate::diffusion::{NoiseSchedule, Unet};
use crate::loss::{contrastive_logits, cross_entropy, denoising_loss, identity_loss};
use crate::nn::{BatchStats, cast, hold_frozen, set_trainable};
use crate::reid::{Classifier, ReidEncoder, l2_normalize};

/// Re-ID model and, unless it is the baseline, condition and denoiser.
#[derive(Module, Debug)]
pub struct Dcac<B: Backend> {
    /// The part that inference keeps.
    pub encoder: ReidEncoder<B>,
    pub(super) classifier: Classifier<B>,
    guidance: Option<Guidance<B>>,
}

#[derive(Module, Debug)]
struct Guidance<B: Backend> {
    condition: Condition<B>,
    unet: Unet<B>,
}

/// A training batch of B images.
pub struct Batch<B: Backend> {
    /// Augmented, normalised images `[B, 3, height, width]`.
    pub images: Tensor<B, 4>,
    /// Labels `[B]`, below the number of identities.
    pub labels: Tensor<B, 1, Int>,
    /// What the denoiser is asked about; without it there is no denoising loss.
    pub latents: Option<NoisedLatents<B>>,
}

/// Latents of the un-augmented images and the noise to be found in them.
pub struct NoisedLatents<B: Backend> {
    /// F_0, sampled from the VAE's posterior, `[B, latent, h, w]`.
    pub clean: Tensor<B, 4>,
    /// Standard normal noise of the same shape.
    pub noise: Tensor<B, 4>,
    /// One timestep per sample, below the schedule's steps.
    pub timesteps: Vec<usize>,
}

/// Losses of a batch and what else a step needs.
pub struct StepOutput<B: Backend> {
    /// `L_id + L_pcl + lambda L_dif` (Equation 13), `[1]`.
    pub total: Tensor<B, 1>,
    /// L_id (Equation 5), `[1]`.
    pub identity: Tensor<B, 1>,
    /// L_pcl (Equation 6), `[1]`.
    pub contrastive: Tensor<B, 1>,
    /// L_dif (Equation 11), `[1]`.
    pub diffusion: Option<Tensor<B, 1>>,
    /// Share of the batch that the classifier names right, `[1]`.
    pub accuracy: Tensor<B, 1>,
    /// L2-normalised neck features `[B, d]`, for the memory's update.
    pub features: Tensor<B, 2>,
    /// The neck's batch statistics, to be absorbed after the step.
    pub neck: BatchStats<B>,
}

impl<B: Backend> Dcac<B> {
    /// A model of random weights for `identities` training identities, with the
    /// parameters frozen that the method freezes. `config` must be valid.
    pub fn new(config: &DcacConfig, identities: usize, device: &B::Device) -> Self {
        let width = config.encoder.vit.embedding;
        let model = Self {
            encoder: ReidEncoder::new(&config.encoder, device),
            classifier: Classifier::new(width, identities, device),
            guidance: config.diffusion.as_ref().map(|diffusion| Guidance {
                condition: Condition::new(
                    &diffusion.condition,
                    identities,
                    width,
                    diffusion.unet.context,
                    device,
                ),
                unet: Unet::new(&diffusion.unet, diffusion.adapters(), device),
            }),
        };
        set_trainable(model, |path| config.trains(path))
    }

    /// Holds the weights of frozen layers in the configured precision, once they are loaded.
    pub fn hold_frozen(self, config: &DcacConfig) -> Self {
        hold_frozen(self, config.precision.dtype(), |path| !config.trains(path))
    }

    /// Folds a step's batch statistics into the neck.
    pub fn absorb(mut self, neck: &BatchStats<B>) -> Self {
        self.encoder = self.encoder.absorb(neck);
        self
    }

    /// Losses of a batch under the prototype memory `[N, d]`.
    pub fn forward(
        &self,
        config: &DcacConfig,
        schedule: &NoiseSchedule,
        batch: Batch<B>,
        memory: Tensor<B, 2>,
    ) -> StepOutput<B> {
        let compute = config.precision.dtype();
        let (neck_features, neck) = self.encoder.forward_train(cast(batch.images, compute));
        let logits = self.classifier.forward(neck_features.clone());
        let features = l2_normalize(neck_features);
        let contrastive = contrastive_logits(features.clone(), memory, config.loss.temperature);
        let labels = batch.labels;

        let identity = identity_loss(logits.clone(), labels.clone(), config.loss.smoothing);
        let prototype = cross_entropy(contrastive.clone(), labels.clone());
        // Equation 8.
        let mut total = identity.clone() + prototype.clone();

        let named = logits.clone().detach().argmax(1).squeeze_dim::<1>(1);
        let accuracy = named.equal(labels.clone()).float().mean();

        let mut denoising = None;
        if let (Some(guidance), Some(diffusion), Some(latents)) =
            (&self.guidance, &config.diffusion, batch.latents)
        {
            let evidence = Evidence {
                logits,
                contrastive,
                features: features.clone(),
                labels,
            };
            let context = guidance.condition.forward(&diffusion.condition, evidence);
            let noised =
                schedule.add_noise(latents.clean, latents.noise.clone(), &latents.timesteps);
            let predicted =
                (guidance.unet).forward(cast(noised, compute), &latents.timesteps, context);
            let loss = denoising_loss(predicted, latents.noise);
            // Equation 13.
            total = total + loss.clone() * diffusion.lambda;
            denoising = Some(loss);
        }
        StepOutput {
            total,
            identity,
            contrastive: prototype,
            diffusion: denoising,
            accuracy,
            features: features.detach(),
            neck,
        }
    }
}
