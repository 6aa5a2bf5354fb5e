//! The U-Net's lesson, and what it has made of the attributes it was told.

use std::fmt;

use anyhow::{Result, anyhow};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use dcac_model::dcac::NoisedLatents;
use dcac_model::diffusion::{NoiseSchedule, VaeEncoder};
use dcac_model::pretrain::AttributeDenoiser;
use rand::Rng;
use serde::Serialize;

use super::lesson::Lesson;
use super::pictures::{Batch, Pictures};
use crate::random;

/// Batches that [`worth`] looks at.
const BATCHES: u64 = 16;

/// Denoises latents of pictures.
pub struct Denoising<B: Backend> {
    /// Makes the latents; frozen.
    pub vae: VaeEncoder<B>,
    /// What brings them to unit variance.
    pub scale: f64,
    /// `[channels, height, width]`.
    pub latent: [usize; 3],
    /// Of noise and timesteps.
    pub seed: u64,
    /// Where it computes.
    pub device: B::Device,
}

impl<B: Backend> Denoising<B> {
    /// Latents, noise and timesteps of a step.
    fn noised(&self, batch: &Batch, step: u64) -> NoisedLatents<B> {
        let moments = self.vae.forward(batch.pixels(&self.device));
        let count = moments.mean.dims()[0];
        let normals =
            |consumer| normals::<B>(self.latent, count, self.seed, consumer, step, &self.device);
        let mut rng = random::stream(self.seed, "timesteps", step);
        let steps = NoiseSchedule::stable_diffusion().steps();
        NoisedLatents {
            clean: moments.sample(normals("posterior"), self.scale),
            noise: normals("noise"),
            timesteps: (0..count).map(|_| rng.random_range(0..steps)).collect(),
        }
    }
}

impl<B: AutodiffBackend> Lesson<B> for Denoising<B::InnerBackend> {
    type Model = AttributeDenoiser<B>;
    const FIGURES: &'static [&'static str] = &["loss"];

    fn step(&self, model: &Self::Model, batch: &Batch, step: u64) -> Vec<Tensor<B, 1>> {
        let latents = self.noised(batch, step);
        let latents = NoisedLatents {
            clean: Tensor::from_inner(latents.clean),
            noise: Tensor::from_inner(latents.noise),
            timesteps: latents.timesteps,
        };
        let schedule = NoiseSchedule::stable_diffusion();
        vec![model.loss(&schedule, latents, batch.marks(&self.device))]
    }
}

/// Denoising losses of the same latents under the same noise. A U-Net to which it makes no
/// difference what it is told has nothing to teach an encoder that tells it who is seen.
#[derive(Serialize)]
pub struct Worth {
    /// Told the picture's attributes.
    own: f64,
    /// Told nothing.
    nothing: f64,
    /// Told another picture's attributes.
    others: f64,
}

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "U-Net told a picture's attributes: loss {:.4}; told nothing {:.4}, told another's {:.4}",
            self.own, self.nothing, self.others
        )
    }
}

/// Measures it on the pictures of some steps from `first`.
pub fn worth<B: Backend>(
    lesson: &Denoising<B>,
    model: &AttributeDenoiser<B>,
    pictures: &Pictures,
    first: u64,
) -> Result<Worth> {
    let schedule = NoiseSchedule::stable_diffusion();
    let mut sums = [0.0; 3];
    for step in first..first + BATCHES {
        let batch = pictures.batch(step)?;
        let latents = lesson.noised(&batch, step);
        let own: Tensor<B, 2> = batch.marks(&lesson.device);
        let others = own.clone().roll_dim(1, 0);
        for (sum, marks) in sums.iter_mut().zip([own.clone(), own.zeros_like(), others]) {
            let loss = model.loss(&schedule, latents.clone(), marks);
            let loss = loss.into_data().convert::<f64>();
            let loss = loss.as_slice::<f64>();
            *sum += loss.map_err(|error| anyhow!("cannot read a loss: {error:?}"))?[0];
        }
    }
    let [own, nothing, others] = sums.map(|sum| sum / BATCHES as f64);
    Ok(Worth {
        own,
        nothing,
        others,
    })
}

/// Standard normal latents of a step.
pub fn normals<B: Backend>(
    latent: [usize; 3],
    count: usize,
    seed: u64,
    consumer: &str,
    step: u64,
    device: &B::Device,
) -> Tensor<B, 4> {
    let mut rng = random::stream(seed, consumer, step);
    let [channels, height, width] = latent;
    let numbers = random::normals(&mut rng, count * channels * height * width);
    let shape = [count, channels, height, width];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}
