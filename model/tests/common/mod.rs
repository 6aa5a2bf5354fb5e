//! Small models and batches that several tests share.
#![allow(dead_code)]

pub mod golden;
pub mod parameters;

use burn::backend::{Autodiff, Flex};
use burn::prelude::*;
use burn::tensor::Distribution;
use dcac_model::clip::VitConfig;
use dcac_model::condition::{ConditionConfig, Scheme};
use dcac_model::dcac::{Batch, DcacConfig, DiffusionConfig, LossConfig, NoisedLatents};
use dcac_model::diffusion::{FineTune, UnetConfig, VaeConfig};
use dcac_model::loss::PrototypeMemory;
use dcac_model::nn::Compute;
use dcac_model::reid::EncoderConfig;

/// The CPU backend.
pub type Cpu = Flex;
/// The CPU backend with gradients.
pub type Train = Autodiff<Flex>;

/// A structurally whole model of a few thousand parameters.
pub fn tiny(fine_tune: FineTune, scheme: Scheme) -> DcacConfig {
    DcacConfig {
        encoder: EncoderConfig::new(VitConfig {
            height: 32,
            width: 16,
            patch: 8,
            stem: Vec::new(),
            residual: false,
            bands: 0,
            dim: 24,
            depth: 2,
            heads: 3,
            mlp_ratio: 2,
            embedding: 12,
        }),
        precision: Compute::F32,
        train_patch: false,
        frozen_blocks: Vec::new(),
        cameras: 0,
        loss: LossConfig::default(),
        diffusion: Some(DiffusionConfig {
            image: 16,
            vae: VaeConfig {
                channels: vec![4, 8],
                blocks: 1,
                groups: 2,
                latent: 4,
                scale: Some(0.5),
            },
            unet: UnetConfig {
                latent: 4,
                channels: vec![8, 16],
                attention: vec![true, true],
                blocks: 1,
                heads: 2,
                context: 10,
                groups: 4,
            },
            fine_tune,
            rank: 2,
            adapt_output: false,
            attention_bias: false,
            lambda: 1.0,
            condition: ConditionConfig {
                scheme,
                ..ConditionConfig::default()
            },
        }),
    }
}

/// A random batch of eight images of the first four of `identities`, and a memory.
pub fn batch(config: &DcacConfig, identities: usize) -> (Batch<Train>, Tensor<Train, 2>) {
    let device = Default::default();
    let normal = Distribution::Normal(0.0, 1.0);
    let vit = &config.encoder.vit;
    let labels: Vec<i32> = vec![0, 0, 1, 1, 2, 2, 3, 3];
    let latents = config.diffusion.as_ref().map(|diffusion| {
        let side = diffusion.latent_side();
        let shape = [8, diffusion.vae.latent, side, side];
        NoisedLatents {
            clean: Tensor::random(shape, normal, &device),
            noise: Tensor::random(shape, normal, &device),
            timesteps: vec![0, 1, 5, 50, 300, 600, 900, 999],
        }
    });
    let batch = Batch {
        images: Tensor::random([8, 3, vit.height, vit.width], normal, &device),
        labels: Tensor::from_data(TensorData::new(labels, [8]), &device),
        cameras: None,
        latents,
    };
    let features = Tensor::<Cpu, 2>::random([identities, vit.embedding], normal, &device);
    let features: Vec<f32> = features.into_data().to_vec().unwrap();
    let every: Vec<usize> = (0..identities).collect();
    let memory =
        PrototypeMemory::from_features(&features, vit.embedding, &every, identities).unwrap();
    (batch, memory.tensor(&device))
}
