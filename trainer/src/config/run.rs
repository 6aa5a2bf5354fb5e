//! What a TOML file says, with everything filled in.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::dcac::DcacConfig;
use dcac_model::image::Augmentation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::resolve::RawConfig;
use super::{overrides, profile};
use crate::files;
use crate::import::WeightsConfig;

/// A run, fully resolved: no presets, every key set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunConfig {
    /// Seed of every random stream.
    pub seed: u64,
    /// The method.
    pub model: DcacConfig,
    /// Optimiser, rates and length.
    pub optim: OptimConfig,
    /// Batches.
    pub sampler: SamplerConfig,
    /// Augmentation of the re-ID view.
    pub augment: Augmentation,
    /// Published weights to begin with.
    pub weights: WeightsConfig,
    /// When to save.
    pub checkpoint: CheckpointConfig,
    /// When to evaluate.
    pub evaluation: EvaluationConfig,
}

/// Adam, its rates and the run's length. Defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimConfig {
    /// Epochs, counted from 1.
    pub epochs: usize,
    /// Rate after warm-up.
    pub base_lr: f64,
    /// Share of the rate at which the encoder learns. Classifier, prompts and adapters begin at
    /// random; an encoder that has been taught well before may need less than they do.
    pub encoder_lr_factor: f64,
    /// Added to the gradient before the moments (Adam, not AdamW).
    pub weight_decay: f32,
    /// Epochs of linear warm-up.
    pub warmup_epochs: usize,
    /// Share of the rate that warm-up starts from.
    pub warmup_factor: f64,
    /// Number that warm-up gives the first epoch: it starts from its share at 0, and
    /// is a step further at 1.
    pub first_epoch: usize,
    /// Epochs from which the rate is a tenth of what it was.
    pub milestones: Vec<usize>,
    /// L2 norm that all gradients together are clipped to; not clipped unless set.
    pub clip_norm: Option<f32>,
    /// Parts that a replica's share of a batch is computed in, one after another: less
    /// memory, more time, the gradient of the whole batch.
    pub accumulate: usize,
    /// Gradient checkpointing: cheap results are computed again in the backward pass.
    pub recompute: bool,
}

impl Default for OptimConfig {
    fn default() -> Self {
        Self {
            epochs: 60,
            base_lr: 5e-6,
            encoder_lr_factor: 1.0,
            weight_decay: 1e-4,
            warmup_epochs: 10,
            warmup_factor: 0.1,
            first_epoch: 1,
            milestones: vec![30, 50],
            clip_norm: None,
            accumulate: 1,
            recompute: false,
        }
    }
}

impl OptimConfig {
    /// Rate of an epoch, constant within it.
    pub fn learning_rate(&self, epoch: usize) -> f64 {
        let warming = (epoch + self.first_epoch).saturating_sub(1);
        let warmup = if warming < self.warmup_epochs {
            let done = warming as f64 / self.warmup_epochs as f64;
            self.warmup_factor * (1.0 - done) + done
        } else {
            1.0
        };
        let passed = self.milestones.iter().filter(|&&m| m <= epoch).count();
        self.base_lr * warmup * 0.1_f64.powi(passed as i32)
    }
}

/// P identities x K images. Defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// P, identities per batch.
    pub identities: usize,
    /// K, images per identity.
    pub images: usize,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            identities: 16,
            images: 4,
        }
    }
}

/// Checkpoints of a run. One is always written at its end, and when it is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Epochs from one to the next.
    pub every: usize,
    /// Steps from one to the next within an epoch; 0 saves between epochs alone.
    pub every_steps: u64,
    /// How many of the newest are kept, beside the best.
    pub keep: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            every: 1,
            every_steps: 0,
            keep: 2,
        }
    }
}

/// Evaluation on the targets while training; there is always one at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Epochs from one to the next; 0 evaluates at the end alone, as the paper does. The
    /// checkpoint of the highest mean mAP is kept: a choice that has seen the targets.
    pub every: usize,
}

impl RunConfig {
    /// Reads a file, applies `KEY=VALUE` overrides, fills presets in and checks.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        let name = format!("configuration {}", path.display());
        let mut table: toml::Table = files::read_text(path)?
            .parse()
            .with_context(|| name.clone())?;
        for set in sets {
            overrides::apply(&mut table, set)?;
        }
        Self::from_table(table, &name)
    }

    /// The configuration of a text; errors call it `name`.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        Self::from_table(text.parse().with_context(|| name.to_string())?, name)
    }

    /// The configuration of a table; errors call it `name`.
    pub fn from_table(mut table: toml::Table, name: &str) -> Result<Self> {
        let describe = || name.to_string();
        profile::apply(&mut table).with_context(describe)?;
        let raw: RawConfig = table.try_into().with_context(describe)?;
        let config = raw.resolve().with_context(describe)?;
        config.validate().with_context(describe)?;
        Ok(config)
    }

    /// The configuration as a file that [`Self::read`] takes back.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(&RawConfig::from(self.clone()))?)
    }

    /// SHA-256 of [`Self::to_toml`], to tell runs apart.
    pub fn digest(&self) -> Result<String> {
        Ok(files::hex(&Sha256::digest(self.to_toml()?)))
    }

    /// Every key in dots and its value, to name what differs between two configurations.
    pub fn keys(&self) -> Result<BTreeMap<String, String>> {
        let table = toml::Table::try_from(RawConfig::from(self.clone()))?;
        let mut keys = BTreeMap::new();
        let mut left: Vec<(String, toml::Value)> = table.into_iter().collect();
        while let Some((name, value)) = left.pop() {
            match value {
                toml::Value::Table(table) => {
                    let inner = table.into_iter();
                    left.extend(inner.map(|(key, value)| (format!("{name}.{key}"), value)));
                }
                value => drop(keys.insert(name, value.to_string())),
            }
        }
        Ok(keys)
    }

    /// What trains, for people.
    pub fn method(&self) -> &'static str {
        match self.model.diffusion {
            Some(_) => "DCAC",
            None => "baseline without diffusion",
        }
    }

    fn validate(&self) -> Result<()> {
        self.model.validate()?;
        if self.sampler.identities < 2 || self.sampler.images == 0 {
            bail!("`sampler.identities` must be at least 2 and `sampler.images` at least 1");
        }
        let rate = self.optim.base_lr;
        if !(rate.is_finite() && rate >= 0.0) {
            bail!("`optim.base_lr` is {rate}, expected 0 or more");
        }
        let factor = self.optim.encoder_lr_factor;
        if !(factor.is_finite() && factor >= 0.0) {
            bail!("`optim.encoder_lr_factor` is {factor}, expected 0 or more");
        }
        let augment = &self.augment;
        for (key, share) in [("flip_p", augment.flip_p), ("erase_p", augment.erase_p)] {
            if !(0.0..=1.0).contains(&share) {
                bail!("`augment.{key}` is {share}, expected a probability from 0 to 1");
            }
        }
        for (key, [low, high]) in [
            ("erase_area", augment.erase_area),
            ("erase_ratio", augment.erase_ratio),
        ] {
            if !(low > 0.0 && high >= low && high.is_finite()) {
                bail!("`augment.{key}` is [{low}, {high}], expected [from, to] above 0");
            }
        }
        if !augment
            .keep
            .iter()
            .all(|share| *share > 0.0 && *share <= 1.0)
        {
            let keep = augment.keep;
            bail!(
                "`augment.keep` is {keep:?}, expected [of the height, of the width] above 0, 1 at most"
            );
        }
        if !(augment.jitter.iter()).all(|most| (0.0..=1.0).contains(most)) {
            let jitter = augment.jitter;
            bail!(
                "`augment.jitter` is {jitter:?}, expected [brightness, contrast, saturation] from 0 to 1"
            );
        }
        for (key, deviations, parts) in [
            ("cast", augment.cast, "[of gamma, of the colour matrix]"),
            ("shear", augment.shear, "[of rows aside, of columns down]"),
        ] {
            if !deviations
                .iter()
                .all(|deviation| (0.0..=1.0).contains(deviation))
            {
                bail!(
                    "`augment.{key}` is {deviations:?}, expected standard deviations {parts} from 0 to 1"
                );
            }
        }
        if let Some(norm) = self
            .optim
            .clip_norm
            .filter(|norm| norm.is_nan() || *norm <= 0.0)
        {
            bail!("`optim.clip_norm` is {norm}, expected a number above 0");
        }
        if self.optim.accumulate == 0 {
            bail!("`optim.accumulate` is 0, expected at least 1");
        }
        if self.checkpoint.every == 0 || self.checkpoint.keep == 0 {
            bail!("`checkpoint.every` and `checkpoint.keep` must be at least 1");
        }
        if self.optim.epochs == 0 {
            bail!("`optim.epochs` is 0, expected at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_official_ones_and_the_papers() {
        let official = OptimConfig::default();
        let paper = OptimConfig {
            first_epoch: 0,
            ..OptimConfig::default()
        };
        let close_to = |optim: &OptimConfig, epoch, expected: f64| {
            let rate = optim.learning_rate(epoch);
            assert!((rate / expected - 1.0).abs() < 1e-9, "{epoch}: {rate}");
        };
        close_to(&paper, 1, 5e-7);
        close_to(&paper, 10, 4.55e-6);
        close_to(&paper, 11, 5e-6);
        close_to(&paper, 30, 5e-7);
        let close = |epoch, expected| close_to(&official, epoch, expected);
        close(1, 9.5e-7);
        close(9, 4.55e-6);
        close(10, 5e-6);
        close(29, 5e-6);
        close(30, 5e-7);
        close(50, 5e-8);
    }
}
