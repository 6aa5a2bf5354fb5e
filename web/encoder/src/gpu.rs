//! The encoder on WebGPU.

use burn::backend::wgpu::graphics;
use burn::backend::{WebGpu, wgpu};
use burn::tensor::{DType, Tensor, TensorData};
use dcac_model::image::Preprocess;
use dcac_model::reid::{EncoderConfig, ReidEncoder};

use super::{Encoder, serve};

struct Gpu {
    encoder: ReidEncoder<WebGpu>,
    preprocess: Preprocess,
    /// f16 where the adapter computes in it.
    compute: DType,
}

/// Serves requests by WebGPU. There must be an adapter.
pub fn run_gpu() {
    serve(load);
}

async fn load(config: &EncoderConfig, weights: Vec<u8>) -> Result<Gpu, String> {
    let device = Default::default();
    wgpu::init_setup_async::<graphics::WebGpu>(&device, Default::default()).await;
    let encoder = ReidEncoder::load(config, weights, &device);
    Ok(Gpu {
        encoder: encoder.map_err(|error| error.to_string())?,
        preprocess: config.preprocess.clone(),
        compute: DType::F32,
    })
}

impl Encoder for Gpu {
    async fn embed(&self, pixels: Vec<f32>) -> Result<Vec<f32>, String> {
        numbers(self.encoder.embed(self.images(pixels))).await
    }

    async fn features(&self, pixels: Vec<f32>) -> Result<(Vec<f32>, Vec<f32>), String> {
        let features = self.encoder.features(self.images(pixels));
        Ok((
            numbers(features.neck).await?,
            numbers(features.patches).await?,
        ))
    }
}

impl Gpu {
    fn images(&self, pixels: Vec<f32>) -> Tensor<WebGpu, 4> {
        let how = &self.preprocess;
        let shape = [pixels.len() / how.len(), 3, how.height, how.width];
        let images = Tensor::from_data(TensorData::new(pixels, shape), &Default::default());
        match self.compute {
            DType::F32 => images,
            other => images.cast(other),
        }
    }
}

async fn numbers<const D: usize>(tensor: Tensor<WebGpu, D>) -> Result<Vec<f32>, String> {
    let failed = |error: &dyn std::fmt::Debug| format!("the GPU's numbers are lost: {error:?}");
    let data = tensor.into_data_async().await;
    let data = data.map_err(|error| failed(&error))?.convert::<f32>();
    data.into_vec().map_err(|error| failed(&error))
}
