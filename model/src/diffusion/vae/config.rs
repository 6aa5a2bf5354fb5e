//! Sizes of a VAE.

use serde::{Deserialize, Serialize};

use super::super::DiffusionConfigError;
use super::super::resnet::resnet_flops;

/// Sizes of a VAE encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeConfig {
    /// Channels of each resolution; every level but the last halves the image.
    pub channels: Vec<usize>,
    /// Residual blocks per level.
    pub blocks: usize,
    /// Groups of every group norm.
    pub groups: usize,
    /// Channels of the latent.
    pub latent: usize,
    /// Factor that brings latents to unit variance; `None` measures it on the
    /// training images, for a VAE that has no published one.
    pub scale: Option<f64>,
}

impl VaeConfig {
    /// Stable Diffusion v1.5.
    pub fn sd_1_5() -> Self {
        Self {
            channels: vec![128, 256, 512, 512],
            blocks: 2,
            groups: 32,
            latent: 4,
            scale: Some(0.18215),
        }
    }

    /// Three levels of 8, 16 and 32 channels: a quarter of the image's side.
    pub fn tiny() -> Self {
        Self {
            channels: vec![8, 16, 32],
            blocks: 1,
            groups: 4,
            latent: 4,
            scale: None,
        }
    }

    /// Three levels of 16, 32 and 64 channels: a quarter of the image's side.
    pub fn small() -> Self {
        Self {
            channels: vec![16, 32, 64],
            blocks: 1,
            groups: 8,
            latent: 4,
            scale: None,
        }
    }

    /// Image pixels per latent position, along one side.
    pub fn downsampling(&self) -> usize {
        1 << (self.channels.len().max(1) - 1)
    }

    /// Checks that an encoder of these sizes exists.
    pub fn validate(&self) -> Result<(), DiffusionConfigError> {
        let check =
            |holds, reason: &str| DiffusionConfigError::check("VAE", holds, || reason.to_string());
        check(
            !self.channels.is_empty(),
            "`channels` is empty; give one number per level",
        )?;
        check(
            self.blocks > 0 && self.latent > 0,
            "`blocks` and `latent` must be at least 1",
        )?;
        check(
            self.groups > 0 && self.channels.iter().all(|c| *c > 0 && c % self.groups == 0),
            "every entry of `channels` must be a multiple of `groups`",
        )
    }

    /// Operations (two per multiply-add) of encoding one `side` x `side` image.
    pub fn flops(&self, side: usize) -> u64 {
        let mut pixels = (side * side) as u64;
        let first = self.channels[0];
        let mut total = 2 * 9 * 3 * first as u64 * pixels;
        let mut input = first;
        for (level, &output) in self.channels.iter().enumerate() {
            for _ in 0..self.blocks {
                total += resnet_flops(input, output, None, pixels);
                input = output;
            }
            if level + 1 < self.channels.len() {
                pixels /= 4;
                total += 2 * 9 * (output * output) as u64 * pixels;
            }
        }
        let width = input as u64;
        total += 2 * resnet_flops(input, input, None, pixels);
        total += 2 * (4 * width * width * pixels + 2 * width * pixels * pixels);
        let moments = 2 * self.latent as u64;
        total + 2 * (9 * width * moments + moments * moments) * pixels
    }
}
