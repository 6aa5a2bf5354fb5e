//! The U-Net's lesson, and what it has made of the attributes it was told.

use std::fmt;

use anyhow::Result;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use dcac_model::dcac::NoisedLatents;
use dcac_model::diffusion::{NoiseSchedule, VaeEncoder};
use dcac_model::pretrain::AttributeDenoiser;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::lesson::Lesson;
use super::pictures::{Batch, Pictures};
use crate::device::numbers;
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
    /// Latents and noise of a step, at timesteps that are drawn.
    fn noised(
        &self,
        batch: &Batch,
        step: u64,
        draw: impl Fn(&mut ChaCha8Rng) -> usize,
    ) -> NoisedLatents<B> {
        let moments = self.vae.forward(batch.pixels(&self.device));
        let count = moments.mean.dims()[0];
        let normals =
            |consumer| normals::<B>(self.latent, count, self.seed, consumer, step, &self.device);
        let mut rng = random::stream(self.seed, "timesteps", step);
        NoisedLatents {
            clean: moments.sample(normals("posterior"), self.scale),
            noise: normals("noise"),
            timesteps: (0..count).map(|_| draw(&mut rng)).collect(),
        }
    }
}

/// The later one of two timesteps: under strong noise a latent says little of what it shows, and
/// what the U-Net is told is worth most.
fn late(rng: &mut ChaCha8Rng) -> usize {
    let steps = NoiseSchedule::stable_diffusion().steps();
    (rng.random_range(0..steps)).max(rng.random_range(0..steps))
}

impl<B: AutodiffBackend> Lesson<B> for Denoising<B::InnerBackend> {
    type Model = AttributeDenoiser<B>;
    const FIGURES: &'static [&'static str] = &["loss"];

    fn step(&self, model: &Self::Model, batch: &Batch, step: u64) -> Vec<Tensor<B, 1>> {
        let latents = self.noised(batch, step, late);
        let latents = NoisedLatents {
            clean: Tensor::from_inner(latents.clean),
            noise: Tensor::from_inner(latents.noise),
            timesteps: latents.timesteps,
        };
        let schedule = NoiseSchedule::stable_diffusion();
        vec![model.loss(&schedule, latents, batch.marks(&self.device))]
    }
}

/// What it makes to the U-Net what it is told. One to which it makes no difference has nothing to
/// teach an encoder that tells it who is seen.
#[derive(Serialize)]
pub struct Worth {
    /// The lower half of the timesteps.
    early: Losses,
    /// The upper half, where a latent is mostly noise.
    late: Losses,
}

/// Denoising losses of the same latents under the same noise.
#[derive(Serialize)]
struct Losses {
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
            "U-Net's loss, told  its attributes    nothing  another's"
        )?;
        for (half, losses) in [("little noise", &self.early), ("much noise", &self.late)] {
            let Losses {
                own,
                nothing,
                others,
            } = losses;
            write!(f, "\n{half:>16} {own:17.5} {nothing:10.5} {others:10.5}")?;
        }
        Ok(())
    }
}

/// Measures it on pictures that no step before `first` has shown.
pub fn worth<B: Backend>(
    lesson: &Denoising<B>,
    model: &AttributeDenoiser<B>,
    pictures: &mut Pictures,
    first: u64,
) -> Result<Worth> {
    let schedule = NoiseSchedule::stable_diffusion();
    let half = schedule.steps() / 2;
    let mut halves = [0..half, half..schedule.steps()].map(|timesteps| (timesteps, [0.0; 3]));
    let first = pictures.unseen(first);
    for step in first..first + BATCHES {
        let batch = pictures.batch(step)?;
        let own: Tensor<B, 2> = batch.marks(&lesson.device);
        let told = [own.clone(), own.zeros_like(), own.roll_dim(1, 0)];
        for (timesteps, sums) in &mut halves {
            let latents = lesson.noised(&batch, step, |rng| rng.random_range(timesteps.clone()));
            for (sum, marks) in sums.iter_mut().zip(told.clone()) {
                let loss = numbers(model.loss(&schedule, latents.clone(), marks))?;
                *sum += loss.into_iter().map(f64::from).sum::<f64>();
            }
        }
    }
    let [early, late] = halves.map(|(_, sums)| {
        let [own, nothing, others] = sums.map(|sum| sum / BATCHES as f64);
        Losses {
            own,
            nothing,
            others,
        }
    });
    Ok(Worth { early, late })
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
