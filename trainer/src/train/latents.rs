//! Latents of the training images.
//!
//! The VAE is frozen and sees the un-augmented image, so the moments of every image
//! are computed once; the posterior is sampled anew at every step.

use anyhow::{Result, anyhow};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use dcac_model::dcac::{DiffusionConfig, NoisedLatents};
use dcac_model::diffusion::{Moments, VaeEncoder};
use dcac_model::image::{Preprocess, Resampling};
use rand::Rng;

use crate::data::{TrainingSet, plain};
use crate::{files, random};

/// Moments of every training image.
pub struct LatentCache {
    mean: Vec<f32>,
    log_variance: Vec<f32>,
    /// `[latent, h, w]`.
    shape: [usize; 3],
    scale: f64,
    steps: usize,
    seed: u64,
}

/// Images per forward of the VAE.
const BATCH: usize = 16;

impl LatentCache {
    /// Encodes every image of the set.
    pub fn build<B: Backend>(
        set: &TrainingSet,
        config: &DiffusionConfig,
        vae: &VaeEncoder<B>,
        steps: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self> {
        let view = Preprocess {
            height: config.image,
            width: config.image,
            resize: Resampling::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        };
        let side = config.latent_side();
        let paths = set.paths();
        let bar = files::progress("latents", paths.len());
        let (mut mean, mut log_variance) = (Vec::new(), Vec::new());
        for batch in paths.chunks(BATCH) {
            let shape = [batch.len(), 3, config.image, config.image];
            let data = TensorData::new(plain(batch, &view)?, shape);
            let moments = vae.forward(Tensor::from_data(data, device));
            mean.extend(read(moments.mean)?);
            log_variance.extend(read(moments.log_variance)?);
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        let scale = config.vae.scale.unwrap_or_else(|| 1.0 / deviation(&mean));
        Ok(Self {
            mean,
            log_variance,
            shape: [config.vae.latent, side, side],
            scale,
            steps,
            seed,
        })
    }

    /// Factor that brings latents to unit variance.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Latents of the images of one step, sampled from their posteriors, with noise
    /// and timesteps.
    pub fn sample<B: Backend>(
        &self,
        indices: &[usize],
        step: u64,
        device: &B::Device,
    ) -> NoisedLatents<B> {
        let [channels, height, width] = self.shape;
        let shape = [indices.len(), channels, height, width];
        let size = channels * height * width;
        let tensor =
            |values: Vec<f32>| Tensor::<B, 4>::from_data(TensorData::new(values, shape), device);
        let gather = |from: &[f32]| {
            let rows = indices.iter().map(|&i| &from[i * size..][..size]);
            tensor(rows.flatten().copied().collect())
        };
        let normals = |consumer: &str| {
            let mut rng = random::stream(self.seed, consumer, step);
            tensor(random::normals(&mut rng, indices.len() * size))
        };
        let moments = Moments {
            mean: gather(&self.mean),
            log_variance: gather(&self.log_variance),
        };
        let mut rng = random::stream(self.seed, "timesteps", step);
        NoisedLatents {
            clean: moments.sample(normals("posterior"), self.scale),
            noise: normals("noise"),
            timesteps: (indices.iter())
                .map(|_| rng.random_range(0..self.steps))
                .collect(),
        }
    }
}

fn read<B: Backend>(tensor: Tensor<B, 4>) -> Result<Vec<f32>> {
    (tensor.into_data().convert::<f32>().into_vec())
        .map_err(|error| anyhow!("cannot read the latents: {error:?}"))
}

/// Standard deviation of all values, never 0.
fn deviation(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = (values.iter())
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / count;
    variance.sqrt().max(1e-6)
}
