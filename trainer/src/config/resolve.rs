//! The file as written, and how presets fill it in.

use anyhow::{Context, Result, bail};
use dcac_model::clip::VitConfig;
use dcac_model::condition::ConditionConfig;
use dcac_model::dcac::{DcacConfig, DiffusionConfig, LossConfig};
use dcac_model::diffusion::{FineTune, UnetConfig, VaeConfig};
use dcac_model::image::{Augmentation, Resampling};
use dcac_model::nn::Compute;
use dcac_model::reid::EncoderConfig;
use serde::{Deserialize, Serialize};

use super::{CheckpointConfig, EvaluationConfig, OptimConfig, RunConfig, SamplerConfig};
use crate::import::WeightsConfig;

/// A configuration file. A `preset` names sizes; keys beside it replace its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(default = "paper_seed")]
    seed: u64,
    #[serde(default)]
    precision: Compute,
    encoder: RawEncoder,
    diffusion: Option<RawDiffusion>,
    #[serde(default)]
    loss: LossConfig,
    #[serde(default)]
    optim: OptimConfig,
    #[serde(default)]
    sampler: SamplerConfig,
    #[serde(default)]
    augment: Augmentation,
    #[serde(default)]
    weights: WeightsConfig,
    #[serde(default)]
    checkpoint: CheckpointConfig,
    #[serde(default)]
    evaluation: EvaluationConfig,
}

fn paper_seed() -> u64 {
    1234
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEncoder {
    preset: Option<String>,
    #[serde(default)]
    train_patch: bool,
    #[serde(default)]
    frozen_blocks: Vec<usize>,
    #[serde(default)]
    cameras: usize,
    #[serde(default)]
    test_resize: Resampling,
    vit: Option<VitConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDiffusion {
    /// `false` turns the baseline out of a DCAC file.
    #[serde(default = "yes")]
    enabled: bool,
    preset: Option<String>,
    image: Option<usize>,
    #[serde(default = "lora")]
    fine_tune: FineTune,
    #[serde(default = "eight")]
    rank: usize,
    #[serde(default)]
    adapt_output: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default = "one")]
    lambda: f64,
    #[serde(default)]
    condition: ConditionConfig,
    vae: Option<VaeConfig>,
    unet: Option<UnetConfig>,
}

fn yes() -> bool {
    true
}

fn lora() -> FineTune {
    FineTune::Lora
}

fn eight() -> usize {
    8
}

fn one() -> f64 {
    1.0
}

impl RawConfig {
    pub(super) fn resolve(self) -> Result<RunConfig> {
        let vit = match (self.encoder.vit, self.encoder.preset.as_deref()) {
            (Some(vit), _) => vit,
            (None, Some("vit-b-16")) => VitConfig::vit_b_16(),
            (None, Some("small")) => VitConfig::small(),
            (None, Some("tiny")) => VitConfig::tiny(),
            (None, Some(other)) => bail!(
                "`encoder.preset` is \"{other}\", expected \"vit-b-16\", \"small\" or \"tiny\""
            ),
            (None, None) => bail!("[encoder] needs a `preset` or a table `vit` of sizes"),
        };
        let diffusion = match self.diffusion {
            Some(raw) if raw.enabled => Some(raw.resolve()?),
            _ => None,
        };
        let mut encoder = EncoderConfig::new(vit);
        encoder.preprocess.resize = self.encoder.test_resize;
        Ok(RunConfig {
            seed: self.seed,
            model: DcacConfig {
                encoder,
                precision: self.precision,
                train_patch: self.encoder.train_patch,
                frozen_blocks: self.encoder.frozen_blocks,
                cameras: self.encoder.cameras,
                loss: self.loss,
                diffusion,
            },
            optim: self.optim,
            sampler: self.sampler,
            augment: self.augment,
            weights: self.weights,
            checkpoint: self.checkpoint,
            evaluation: self.evaluation,
        })
    }
}

impl RawDiffusion {
    fn resolve(self) -> Result<DiffusionConfig> {
        let (vae, unet, image) = match self.preset.as_deref() {
            Some("sd-1.5") => (
                Some(VaeConfig::sd_1_5()),
                Some(UnetConfig::sd_1_5()),
                Some(128),
            ),
            Some("small") => (
                Some(VaeConfig::small()),
                Some(UnetConfig::small()),
                Some(32),
            ),
            Some("tiny") => (Some(VaeConfig::tiny()), Some(UnetConfig::tiny()), Some(32)),
            Some(other) => bail!(
                "`diffusion.preset` is \"{other}\", expected \"sd-1.5\", \"small\" or \"tiny\""
            ),
            None => (None, None, None),
        };
        let needed = |what: &str| format!("[diffusion] needs a `preset` or `{what}`");
        Ok(DiffusionConfig {
            image: self.image.or(image).with_context(|| needed("image"))?,
            vae: self.vae.or(vae).with_context(|| needed("vae"))?,
            unet: self.unet.or(unet).with_context(|| needed("unet"))?,
            fine_tune: self.fine_tune,
            rank: self.rank,
            adapt_output: self.adapt_output,
            attention_bias: self.attention_bias,
            lambda: self.lambda,
            condition: self.condition,
        })
    }
}

impl From<RunConfig> for RawConfig {
    fn from(config: RunConfig) -> Self {
        Self {
            seed: config.seed,
            precision: config.model.precision,
            encoder: RawEncoder {
                preset: None,
                train_patch: config.model.train_patch,
                frozen_blocks: config.model.frozen_blocks,
                cameras: config.model.cameras,
                test_resize: config.model.encoder.preprocess.resize,
                vit: Some(config.model.encoder.vit),
            },
            diffusion: config.model.diffusion.map(|diffusion| RawDiffusion {
                enabled: true,
                preset: None,
                image: Some(diffusion.image),
                fine_tune: diffusion.fine_tune,
                rank: diffusion.rank,
                adapt_output: diffusion.adapt_output,
                attention_bias: diffusion.attention_bias,
                lambda: diffusion.lambda,
                condition: diffusion.condition,
                vae: Some(diffusion.vae),
                unet: Some(diffusion.unet),
            }),
            loss: config.model.loss,
            optim: config.optim,
            sampler: config.sampler,
            augment: config.augment,
            weights: config.weights,
            checkpoint: config.checkpoint,
            evaluation: config.evaluation,
        }
    }
}
