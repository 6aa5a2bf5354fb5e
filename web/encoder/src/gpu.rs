//! The encoder on WebGPU.

use burn::backend::wgpu::graphics;
use burn::backend::{WebGpu, wgpu};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use dcac_model::image::Preprocess;
use dcac_model::nn::hold_frozen;
use dcac_model::reid::{EncoderConfig, ReidEncoder};

use super::{Encoder, serve};

/// Cosine similarity of embeddings in f16 and in f32 from which on f16 is good enough.
const ALIKE: f32 = 0.999;

struct Gpu {
    encoder: ReidEncoder<WebGpu>,
    preprocess: Preprocess,
    compute: DType,
}

/// Serves requests by WebGPU. There must be an adapter.
pub fn run_gpu() {
    serve(load);
}

/// In f16 where the adapter computes in it, and as well as in f32.
async fn load(config: &EncoderConfig, weights: Vec<u8>) -> Result<Gpu, String> {
    let device = Default::default();
    wgpu::init_setup_async::<graphics::WebGpu>(&device, Default::default()).await;
    let load = |weights: &[u8]| {
        let encoder = ReidEncoder::load(config, weights, &device);
        encoder.map_err(|error| error.to_string())
    };
    let full = Gpu {
        encoder: load(&weights)?,
        preprocess: config.preprocess.clone(),
        compute: DType::F32,
    };
    if !<WebGpu>::supports_dtype(&device, DType::F16) {
        return Ok(full);
    }
    let half = Gpu {
        // Norms and what is added to the tokens stay f32.
        encoder: hold_frozen(load(&weights)?, DType::F16, |path| path.ends_with("weight")),
        preprocess: config.preprocess.clone(),
        compute: DType::F16,
    };
    let pattern: Vec<f32> = (0..config.preprocess.len())
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let (exact, rough) = (
        full.embed(pattern.clone()).await?,
        half.embed(pattern).await?,
    );
    let alike: f32 = exact.iter().zip(&rough).map(|(a, b)| a * b).sum();
    // A comparison that numbers without meaning fail.
    Ok(if alike > ALIKE { half } else { full })
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
        let data = TensorData::new(pixels, shape);
        let images: Tensor<WebGpu, 4> = Tensor::from_data(data, &Default::default());
        images.cast(self.compute)
    }
}

async fn numbers<const D: usize>(tensor: Tensor<WebGpu, D>) -> Result<Vec<f32>, String> {
    let failed = |error: &dyn std::fmt::Debug| format!("the GPU's numbers are lost: {error:?}");
    let data = tensor.into_data_async().await;
    let data = data.map_err(|error| failed(&error))?.convert::<f32>();
    data.into_vec().map_err(|error| failed(&error))
}
