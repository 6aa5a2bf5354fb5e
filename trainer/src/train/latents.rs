//! Latents of the training images.
//!
//! The VAE is frozen and sees the un-augmented image, so the moments of every image
//! are computed once; the posterior is sampled anew at every step.

use std::path::Path;

use anyhow::Result;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use dcac_model::dcac::{DiffusionConfig, NoisedLatents};
use dcac_model::diffusion::{Moments, NoiseSchedule, VaeEncoder};
use dcac_model::image::{Preprocess, Resampling};
use rand::Rng;

use super::latent_file::{self, LatentFile};
use crate::config::RunConfig;
use crate::data::{TrainingSet, plain};
use crate::device::numbers;
use crate::{progress, random};

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
    /// Moments of every image of the set, from a file in `folder` where there is one; else
    /// they are computed, and the file is written.
    pub fn open<B: Backend>(
        folder: Option<&Path>,
        set: &TrainingSet,
        config: &DiffusionConfig,
        vae: &VaeEncoder<B>,
        run: &RunConfig,
        device: &B::Device,
    ) -> Result<Self> {
        let side = config.latent_side();
        let shape = [config.vae.latent, side, side];
        let file = (folder)
            .map(|folder| LatentFile::find(folder, set, vae, config.image, shape))
            .transpose()?;
        let moments = match file.as_ref().and_then(LatentFile::read) {
            Some(moments) => moments,
            None => compute(set, config, vae, device, file.as_ref())?,
        };
        let scale = config.vae.scale;
        Ok(Self {
            scale: scale.unwrap_or_else(|| 1.0 / deviation(&moments.mean)),
            mean: moments.mean,
            log_variance: moments.log_variance,
            shape,
            steps: NoiseSchedule::stable_diffusion().steps(),
            seed: run.seed,
        })
    }

    /// Random moments of so many images.
    pub fn drawn(images: usize, config: &DiffusionConfig, seed: u64) -> Self {
        let side = config.latent_side();
        let shape = [config.vae.latent, side, side];
        let size = images * shape.iter().product::<usize>();
        let mut rng = random::stream(seed, "latents of a benchmark", 0);
        Self {
            mean: random::normals(&mut rng, size),
            log_variance: vec![-10.0; size],
            shape,
            scale: 1.0,
            steps: NoiseSchedule::stable_diffusion().steps(),
            seed,
        }
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

/// Encodes every image of the set, and keeps the moments in the file.
fn compute<B: Backend>(
    set: &TrainingSet,
    config: &DiffusionConfig,
    vae: &VaeEncoder<B>,
    device: &B::Device,
    file: Option<&LatentFile>,
) -> Result<latent_file::Moments> {
    let view = view(config);
    let paths = set.paths();
    let bar = progress::bar("latents", paths.len());
    let (mut mean, mut log_variance) = (Vec::new(), Vec::new());
    for batch in paths.chunks(BATCH) {
        let shape = [batch.len(), 3, config.image, config.image];
        let data = TensorData::new(plain(batch, &view)?, shape);
        let moments = vae.forward(Tensor::from_data(data, device));
        mean.extend(numbers(moments.mean)?);
        log_variance.extend(numbers(moments.log_variance)?);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let moments = latent_file::Moments { mean, log_variance };
    if let Some(file) = file {
        match file.write(&moments) {
            Ok(()) => println!("latents kept in {}", file.path().display()),
            // They are in memory; the next run will have to compute them again.
            Err(error) => println!("warning: the latents are not kept: {error:#}"),
        }
    }
    Ok(moments)
}

/// How the VAE takes pictures: square, from -1 to 1.
pub fn view(config: &DiffusionConfig) -> Preprocess {
    Preprocess {
        height: config.image,
        width: config.image,
        resize: Resampling::Bicubic,
        mean: [0.5; 3],
        std: [0.5; 3],
    }
}

/// Standard deviation of all values, never 0.
pub fn deviation(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = (values.iter())
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / count;
    variance.sqrt().max(1e-6)
}
