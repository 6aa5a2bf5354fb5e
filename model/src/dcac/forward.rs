//! One forward of the co-training.
//!
//! The batch statistics of the neck couple all images of a batch, so the forward has a seam
//! there: [`Dcac::embed`] needs nothing but the images that it is given, [`Dcac::losses`]
//! needs the embeddings of the whole batch and gives the losses of some of its rows. The
//! losses of disjoint rows, and their gradients, add up to those of the batch.

use std::ops::Range;

use burn::module::{Initializer, Module, Param};
use burn::prelude::*;
use burn::tensor::BasicOps;

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
    /// What names the training identities.
    pub classifier: Classifier<B>,
    /// One vector per training camera `[cameras, dim]`, added to the class token while training.
    cameras: Option<Param<Tensor<B, 2>>>,
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
    /// Cameras `[B]`; only a model with a camera embedding looks at them.
    pub cameras: Option<Tensor<B, 1, Int>>,
    /// What the denoiser is asked about; without it there is no denoising loss.
    pub latents: Option<NoisedLatents<B>>,
}

/// Latents of the un-augmented images and the noise to be found in them.
#[derive(Clone)]
pub struct NoisedLatents<B: Backend> {
    /// F_0, sampled from the VAE's posterior, `[B, latent, h, w]`.
    pub clean: Tensor<B, 4>,
    /// Standard normal noise of the same shape.
    pub noise: Tensor<B, 4>,
    /// One timestep per sample, below the schedule's steps.
    pub timesteps: Vec<usize>,
}

impl<B: Backend> NoisedLatents<B> {
    /// Those of some images of the batch.
    pub fn rows(self, rows: &Range<usize>) -> Self {
        Self {
            clean: of_rows(self.clean, rows),
            noise: of_rows(self.noise, rows),
            timesteps: self.timesteps[rows.clone()].to_vec(),
        }
    }
}

/// An embedded batch of B images and the rows whose losses are asked for.
pub struct Embedded<B: Backend> {
    /// What [`Dcac::embed`] gave for all images, `[B, d]`.
    pub embeddings: Tensor<B, 2>,
    /// Labels of all images, `[B]`.
    pub labels: Tensor<B, 1, Int>,
    /// The rows, b of B.
    pub rows: Range<usize>,
    /// Latents of the rows alone, `[b, latent, h, w]`.
    pub latents: Option<NoisedLatents<B>>,
}

/// Losses of a batch, or the share that some of its rows have in them: sums over the rows,
/// divided by the size of the batch.
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
    /// L2-normalised neck features of the whole batch `[B, d]`, for the memory's update.
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
            cameras: (config.cameras > 0).then(|| {
                let normal = Initializer::Normal {
                    mean: 0.0,
                    std: 0.02,
                };
                normal.init([config.cameras, config.encoder.vit.dim], device)
            }),
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
        let [count] = batch.labels.dims();
        let embedded = Embedded {
            embeddings: self.embed(config, batch.images, batch.cameras),
            labels: batch.labels,
            rows: 0..count,
            latents: batch.latents,
        };
        self.losses(config, schedule, embedded, memory)
    }

    /// What the neck takes: embeddings `[b, d]` of images `[b, 3, height, width]` from
    /// cameras `[b]`, each independent of the others.
    pub fn embed(
        &self,
        config: &DcacConfig,
        images: Tensor<B, 4>,
        cameras: Option<Tensor<B, 1, Int>>,
    ) -> Tensor<B, 2> {
        let known = self.cameras.as_ref().zip(cameras);
        let marks = known.map(|(all, cameras)| all.val().select(0, cameras));
        (self.encoder).embed_before_neck(cast(images, config.precision.dtype()), marks)
    }

    /// Losses of the rows of an embedded batch under the prototype memory `[N, d]`.
    pub fn losses(
        &self,
        config: &DcacConfig,
        schedule: &NoiseSchedule,
        embedded: Embedded<B>,
        memory: Tensor<B, 2>,
    ) -> StepOutput<B> {
        let Embedded {
            embeddings,
            labels,
            rows,
            latents,
        } = embedded;
        let [count] = labels.dims();
        let share = rows.len() as f64 / count.max(1) as f64;
        let (neck_features, neck) = self.encoder.neck_train(embeddings);
        let logits = self.classifier.forward(neck_features.clone());
        let features = l2_normalize(neck_features);
        let contrastive = contrastive_logits(features.clone(), memory, config.loss.temperature);

        let own_labels = of_rows(labels.clone(), &rows);
        let own_logits = of_rows(logits.clone(), &rows);
        let named = own_logits.clone().detach().argmax(1).squeeze_dim::<1>(1);
        let accuracy = named.equal(own_labels.clone()).float().mean();
        let identity = identity_loss(own_logits, own_labels.clone(), config.loss.smoothing);
        let identity = shared(identity, share);
        let prototype = cross_entropy(of_rows(contrastive.clone(), &rows), own_labels);
        let prototype = shared(prototype, share);
        // Equation 8.
        let mut total = identity.clone() + prototype.clone();

        let mut denoising = None;
        if let (Some(guidance), Some(diffusion), Some(latents)) =
            (&self.guidance, &config.diffusion, latents)
        {
            let evidence = Evidence {
                logits,
                contrastive,
                features: features.clone(),
                labels,
            };
            // Of all rows, as its transform may hold batch norms.
            let context = guidance.condition.forward(&diffusion.condition, evidence);
            let context = of_rows(context, &rows);
            let noised =
                schedule.add_noise(latents.clean, latents.noise.clone(), &latents.timesteps);
            let noised = cast(noised, config.precision.dtype());
            let predicted = (guidance.unet).forward(noised, &latents.timesteps, context);
            let loss = shared(denoising_loss(predicted, latents.noise), share);
            // Equation 13.
            total = total + loss.clone() * diffusion.lambda;
            denoising = Some(loss);
        }
        StepOutput {
            total,
            identity,
            contrastive: prototype,
            diffusion: denoising,
            accuracy: shared(accuracy, share),
            features: features.detach(),
            neck,
        }
    }
}

/// Rows of a tensor along its first axis; the tensor itself where they are all of them.
fn of_rows<B: Backend, const D: usize, K: BasicOps<B>>(
    tensor: Tensor<B, D, K>,
    rows: &Range<usize>,
) -> Tensor<B, D, K> {
    if *rows == (0..tensor.dims()[0]) {
        return tensor;
    }
    tensor.slice([rows.clone()])
}

/// A mean over rows, weighted by their share of the batch.
fn shared<B: Backend>(mean: Tensor<B, 1>, share: f64) -> Tensor<B, 1> {
    if share == 1.0 { mean } else { mean * share }
}
