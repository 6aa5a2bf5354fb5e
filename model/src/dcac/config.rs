//! What the method is built from.

use serde::{Deserialize, Serialize};

use crate::clip::VitConfigError;
use crate::condition::ConditionConfig;
use crate::diffusion::{Adapters, DiffusionConfigError, FineTune, UnetConfig, VaeConfig};
use crate::loss::MemoryUpdate;
use crate::nn::Compute;
use crate::reid::EncoderConfig;

/// Sizes and settings of everything that is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcacConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Number format of matrix products, convolutions and frozen weights.
    pub precision: Compute,
    /// Train the patch convolution too. The method freezes CLIP's; one that starts
    /// from random weights has nothing worth freezing.
    pub train_patch: bool,
    /// Transformer blocks of the encoder that are not trained, counted from 0.
    pub frozen_blocks: Vec<usize>,
    /// Training cameras that have an embedding of their own; 0 has none. Inference knows no
    /// cameras and adds nothing.
    pub cameras: usize,
    /// Losses of the re-ID model.
    pub loss: LossConfig,
    /// The diffusion model; `None` is the baseline.
    pub diffusion: Option<DiffusionConfig>,
}

/// Settings of the re-ID losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Label smoothing of the ID loss.
    pub smoothing: f64,
    /// tau of the contrastive loss.
    pub temperature: f64,
    /// gamma: how much of a prototype an update keeps.
    pub gamma: f32,
    /// Which samples move their prototype.
    pub memory_update: MemoryUpdate,
    /// How often a step moves the neck's running statistics; the authors'
    /// implementation runs the neck twice.
    pub neck_updates: usize,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            smoothing: 0.1,
            temperature: 0.01,
            gamma: 0.2,
            memory_update: MemoryUpdate::Hard,
            neck_updates: 2,
        }
    }
}

/// The diffusion model and its bridge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffusionConfig {
    /// Side of the square image that the VAE sees, in pixels.
    pub image: usize,
    /// The VAE's encoder.
    pub vae: VaeConfig,
    /// The U-Net.
    pub unet: UnetConfig,
    /// Which part of the U-Net is trained.
    pub fine_tune: FineTune,
    /// Rank of the LoRA adapters; used by `fine_tune = "lora"` alone.
    pub rank: usize,
    /// Adapt the feed-forward's output layer too: the paper's text would, the
    /// published numbers do not.
    pub adapt_output: bool,
    /// Give the attention's query, key and value projections biases, which Stable
    /// Diffusion does not have: random and frozen in the authors' implementation.
    pub attention_bias: bool,
    /// lambda, the weight of the denoising loss.
    pub lambda: f64,
    /// The condition.
    pub condition: ConditionConfig,
}

/// Settings that no model can be built from.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DcacConfigError {
    /// The encoder's sizes.
    #[error(transparent)]
    Encoder(#[from] VitConfigError),
    /// The diffusion model's sizes.
    #[error(transparent)]
    Diffusion(#[from] DiffusionConfigError),
    /// A number out of its range.
    #[error("`{key}` is {found}, expected {expected}")]
    Range {
        /// Key in the configuration.
        key: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A block that the encoder does not have.
    #[error("`encoder.frozen_blocks` names block {block}, the encoder has blocks 0 to {}", depth - 1)]
    FrozenBlock {
        /// The block.
        block: usize,
        /// Blocks of the encoder.
        depth: usize,
    },
    /// The VAE's latent is not the U-Net's.
    #[error("the VAE makes {vae} latent channels, the U-Net takes {unet}; make both equal")]
    Latent {
        /// Channels of the VAE.
        vae: usize,
        /// Channels of the U-Net.
        unet: usize,
    },
    /// The image cannot be halved as often as the models do.
    #[error(
        "`diffusion.image` is {image}, expected a multiple of {multiple} (VAE and U-Net halve it that often)"
    )]
    Side {
        /// Side of the image.
        image: usize,
        /// What it must be a multiple of.
        multiple: usize,
    },
}

impl DcacConfig {
    /// Checks that a model of these settings exists.
    pub fn validate(&self) -> Result<(), DcacConfigError> {
        self.encoder.validate()?;
        let range = |key, found: f64, holds: bool, expected| {
            if holds && found.is_finite() {
                Ok(())
            } else {
                Err(DcacConfigError::Range {
                    key,
                    found,
                    expected,
                })
            }
        };
        let depth = self.encoder.vit.depth;
        if let Some(&block) = self.frozen_blocks.iter().find(|&&block| block >= depth) {
            return Err(DcacConfigError::FrozenBlock { block, depth });
        }
        let loss = &self.loss;
        let unit = "a number from 0 to 1";
        let positive = "a number above 0";
        range(
            "loss.smoothing",
            loss.smoothing,
            (0.0..1.0).contains(&loss.smoothing),
            unit,
        )?;
        range(
            "loss.gamma",
            loss.gamma.into(),
            (0.0..=1.0).contains(&loss.gamma),
            unit,
        )?;
        range(
            "loss.temperature",
            loss.temperature,
            loss.temperature > 0.0,
            positive,
        )?;
        let Some(diffusion) = &self.diffusion else {
            return Ok(());
        };
        diffusion.vae.validate()?;
        diffusion.unet.validate()?;
        let temperature = diffusion.condition.temperature;
        range(
            "diffusion.condition.temperature",
            temperature,
            temperature > 0.0,
            positive,
        )?;
        range(
            "diffusion.lambda",
            diffusion.lambda,
            diffusion.lambda >= 0.0,
            "0 or more",
        )?;
        let rank = diffusion.rank as f64;
        let ranked = diffusion.rank > 0 || !diffusion.fine_tune.uses_lora();
        range(
            "diffusion.rank",
            rank,
            ranked,
            "at least 1 with fine_tune = \"lora\"",
        )?;
        let (vae, unet) = (diffusion.vae.latent, diffusion.unet.latent);
        if vae != unet {
            return Err(DcacConfigError::Latent { vae, unet });
        }
        let multiple = diffusion.vae.downsampling() * diffusion.unet.downsampling();
        if diffusion.image == 0 || !diffusion.image.is_multiple_of(multiple) {
            return Err(DcacConfigError::Side {
                image: diffusion.image,
                multiple,
            });
        }
        Ok(())
    }

    /// Whether the parameter at a dotted `path` of [`super::Dcac`] is trained: the
    /// neck's bias never is, the patch convolution only on demand, blocks of the encoder
    /// unless they are frozen, the U-Net by its mode.
    pub fn trains(&self, path: &str) -> bool {
        if let Some(path) = path.strip_prefix("guidance.unet.") {
            return self
                .diffusion
                .as_ref()
                .is_some_and(|diffusion| diffusion.fine_tune.trains(path));
        }
        let block = path.strip_prefix("encoder.vit.blocks.");
        let block = block.and_then(|rest| rest.split('.').next()?.parse().ok());
        if block.is_some_and(|block: usize| self.frozen_blocks.contains(&block)) {
            return false;
        }
        (self.train_patch || !path.starts_with("encoder.vit.patch_embed."))
            && path != "encoder.neck.bias"
            && !path.contains("running_")
    }
}

impl DiffusionConfig {
    /// Side of the square latent.
    pub fn latent_side(&self) -> usize {
        self.image / self.vae.downsampling()
    }

    /// What the U-Net's projections carry beside Stable Diffusion's weights.
    pub fn adapters(&self) -> Adapters {
        let rank = if self.fine_tune.uses_lora() {
            self.rank
        } else {
            0
        };
        Adapters {
            attention: rank,
            output: if self.adapt_output { rank } else { 0 },
            // They come with the adapters.
            bias: self.attention_bias && rank > 0,
        }
    }
}
