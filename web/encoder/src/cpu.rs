//! The encoder on one core.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use dcac_model::image::Preprocess;
use dcac_model::reid::{EncoderConfig, ReidEncoder};

use super::{Encoder, serve};

struct Cpu(ReidEncoder<Flex>, Preprocess);

/// Serves requests on this worker's core.
pub fn run_cpu() {
    serve(async move |config: &EncoderConfig, weights: Vec<u8>| {
        let encoder = ReidEncoder::load(config, weights, &Default::default());
        let encoder = encoder.map_err(|error| error.to_string())?;
        Ok(Cpu(encoder, config.preprocess.clone()))
    });
}

impl Encoder for Cpu {
    // Nobody else computes meanwhile: there is no waiting in here.
    async fn embed(&self, pixels: Vec<f32>) -> Result<Vec<f32>, String> {
        let p = &self.1;
        let shape = [pixels.len() / p.len(), 3, p.height, p.width];
        let t = Tensor::<Flex, 4>::from_data(TensorData::new(pixels, shape), &Default::default());
        Ok(self.0.embed(t).into_data().to_vec().unwrap())
    }

    async fn features(&self, pixels: Vec<f32>) -> Result<(Vec<f32>, Vec<f32>), String> {
        let p = &self.1;
        let shape = [pixels.len() / p.len(), 3, p.height, p.width];
        let t = Tensor::<Flex, 4>::from_data(TensorData::new(pixels, shape), &Default::default());
        let f = self.0.features(t);
        Ok((
            f.neck.into_data().to_vec().unwrap(),
            f.patches.into_data().to_vec().unwrap(),
        ))
    }
}
