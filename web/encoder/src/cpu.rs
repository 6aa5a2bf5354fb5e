//! The encoder on one core.

use std::cell::RefCell;

use dcac_model::cpu::{self, Kernel};
use dcac_model::reid::EncoderConfig;

use super::{Encoder, serve};

struct Cpu(RefCell<cpu::Encoder>);

/// Serves requests on this worker's core.
pub fn run_cpu(kernel: Kernel) {
    serve(async move |config: &EncoderConfig, weights: Vec<u8>| {
        let encoder = cpu::Encoder::load(config, &weights, kernel);
        let encoder = encoder.map_err(|error| error.to_string())?;
        Ok(Cpu(RefCell::new(encoder)))
    });
}

impl Encoder for Cpu {
    // Nobody else computes meanwhile: there is no waiting in here.
    async fn embed(&self, pixels: Vec<f32>) -> Result<Vec<f32>, String> {
        Ok(self.0.borrow_mut().embed(&pixels))
    }

    async fn features(&self, pixels: Vec<f32>) -> Result<(Vec<f32>, Vec<f32>), String> {
        let features = self.0.borrow_mut().features(&pixels);
        Ok((features.neck, features.patches))
    }
}
