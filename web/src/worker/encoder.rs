//! The encoder on whichever backend this browser has.

use burn::backend::wgpu::graphics;
use burn::backend::{Flex, WebGpu, wgpu};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use dcac_model::image::Preprocess;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::WeightsError;

/// A loaded encoder; the only place that names a backend.
pub enum Encoder {
    /// burn-flex, with SIMD.
    Cpu(Box<ReidEncoder<Flex>>),
    /// burn-wgpu.
    Gpu(Box<ReidEncoder<WebGpu>>),
}

impl Encoder {
    /// Loads on the CPU.
    pub fn on_cpu(config: &EncoderConfig, weights: Vec<u8>) -> Result<Self, WeightsError> {
        let encoder = ReidEncoder::load(config, weights, &Default::default())?;
        Ok(Self::Cpu(Box::new(encoder)))
    }

    /// Loads on the GPU. There must be an adapter.
    pub async fn on_gpu(config: &EncoderConfig, weights: Vec<u8>) -> Result<Self, WeightsError> {
        let device = Default::default();
        wgpu::init_setup_async::<graphics::WebGpu>(&device, Default::default()).await;
        let encoder = ReidEncoder::load(config, weights, &device)?;
        Ok(Self::Gpu(Box::new(encoder)))
    }

    /// L2-normalised embeddings, row-major, of `[count, 3, height, width]` numbers.
    pub async fn embed(
        &self,
        pixels: Vec<f32>,
        preprocess: &Preprocess,
    ) -> Result<Vec<f32>, String> {
        let values = match self {
            Self::Cpu(encoder) => numbers(encoder.embed(images(pixels, preprocess))).await,
            Self::Gpu(encoder) => numbers(encoder.embed(images(pixels, preprocess))).await,
        }?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err("it computed embeddings that are not finite".to_string());
        }
        Ok(values)
    }

    /// The patch tokens `[count, patches, dim]` behind the embeddings.
    pub async fn patches(
        &self,
        pixels: Vec<f32>,
        preprocess: &Preprocess,
    ) -> Result<Vec<f32>, String> {
        match self {
            Self::Cpu(encoder) => {
                numbers(encoder.features(images(pixels, preprocess)).patches).await
            }
            Self::Gpu(encoder) => {
                numbers(encoder.features(images(pixels, preprocess)).patches).await
            }
        }
    }
}

/// Numbers of pictures in a row, as a tensor.
fn images<B: Backend>(pixels: Vec<f32>, preprocess: &Preprocess) -> Tensor<B, 4> {
    let shape = [
        pixels.len() / preprocess.len(),
        3,
        preprocess.height,
        preprocess.width,
    ];
    Tensor::from_data(TensorData::new(pixels, shape), &Default::default())
}

async fn numbers<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, String> {
    let data = tensor.into_data_async().await;
    data.map_err(|error| format!("its embeddings cannot be read: {error:?}"))?
        .convert::<f32>()
        .into_vec()
        .map_err(|error| format!("its embeddings cannot be read: {error:?}"))
}
