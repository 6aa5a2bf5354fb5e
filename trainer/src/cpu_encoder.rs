//! The encoder on all cores of the CPU.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use burn::tensor::backend::Backend;
use dcac_model::cpu::{Encoder, Kernel};
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;
use rayon::prelude::*;

/// An encoder for every thread that asks for one, all of the same weights.
pub struct CpuEncoder {
    first: Encoder,
    idle: Mutex<Vec<Encoder>>,
    /// Numbers of an image.
    image: usize,
}

impl CpuEncoder {
    /// The encoder, of this configuration, in f32.
    ///
    /// # Errors
    /// Weights that are not finite, and too little memory.
    pub fn new<B: Backend>(encoder: &ReidEncoder<B>, config: &EncoderConfig) -> Result<Self> {
        let loaded = (encoder.save(Precision::F32))
            .and_then(|weights| Encoder::load(config, &weights, Kernel::native()));
        Ok(Self {
            first: loaded.context("cannot prepare the encoder for the CPU")?,
            idle: Mutex::default(),
            image: config.preprocess.len(),
        })
    }

    /// L2-normalised embeddings of images, all row-major.
    pub fn embed(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        self.share(pixels, Encoder::embed)
    }

    /// Patch tokens of images.
    pub fn patches(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        self.share(pixels, |encoder, pixels| encoder.features(pixels).patches)
    }

    /// Shares images among all threads. What is found of an image does not depend on the others.
    fn share(
        &self,
        pixels: &[f32],
        find: impl Fn(&mut Encoder, &[f32]) -> Vec<f32> + Sync,
    ) -> Result<Vec<f32>> {
        let count = pixels.len() / self.image;
        let fair = count.div_ceil(rayon::current_num_threads());
        let together = self.first.together().min(fair).max(1);
        let found: Vec<Vec<f32>> = (pixels.par_chunks(together * self.image))
            .map(|pixels| {
                let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = idle().pop();
                let mut encoder = taken.map_or_else(|| self.first.twin(), Ok)?;
                let found = find(&mut encoder, pixels);
                idle().push(encoder);
                anyhow::Ok(found)
            })
            .collect::<Result<_>>()?;
        Ok(found.concat())
    }
}
