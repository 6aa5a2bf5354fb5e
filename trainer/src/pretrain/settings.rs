//! What a pre-training was asked for; kept in its folder, so that it can go on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::files;
use crate::synth::domains;

/// The folder within the output that holds everything but the weights.
pub const TRAINING: &str = "training";
const CONFIG: &str = "config.toml";
const SETTINGS: &str = "settings.json";

/// What is pre-trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A vision tower.
    Vision,
    /// A VAE and a U-Net.
    Diffusion,
}

impl Kind {
    /// The command's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Diffusion => "diffusion",
        }
    }

    /// Pictures of each person of a batch.
    pub fn views(self) -> usize {
        match self {
            Self::Vision => 2,
            Self::Diffusion => 1,
        }
    }
}

/// Settings beside the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is pre-trained.
    pub kind: Kind,
    /// Domains that people are drawn from.
    pub domains: Vec<String>,
    /// Seed of every random stream.
    pub seed: u64,
    /// Steps that show one drawing.
    pub uses: u64,
    /// One course, or that of the VAE and that of the U-Net.
    pub courses: Vec<Course>,
}

/// How long and how fast one network learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// Steps.
    pub steps: u64,
    /// Pictures of a step.
    pub batch: usize,
    /// Largest learning rate; it rises over the first twentieth of the steps and falls to 0
    /// along a cosine.
    pub rate: f64,
}

impl Course {
    /// The rate of a step, counted from 1.
    pub fn rate_at(&self, step: u64) -> f64 {
        let warmup = (self.steps / 20).max(1);
        if step <= warmup {
            return self.rate * step as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / (self.steps - warmup).max(1) as f64;
        self.rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

impl Settings {
    /// Checks what clap cannot.
    pub fn validate(&self) -> Result<()> {
        let views = self.kind.views();
        if self.uses == 0 {
            bail!("--uses 0: expected at least 1 step that shows a drawing");
        }
        for course in &self.courses {
            let people = course.batch / views;
            if people < 2 || !course.batch.is_multiple_of(views) || course.steps == 0 {
                bail!(
                    "{} steps of {} pictures: expected at least 1 step, and 2 people with {views} pictures each",
                    course.steps,
                    course.batch
                );
            }
            if !(course.rate.is_finite() && course.rate >= 0.0) {
                bail!("--rate {}: expected a number from 0", course.rate);
            }
        }
        Ok(())
    }

    /// The named domains, or all of them.
    pub fn domains(named: Vec<String>) -> Vec<String> {
        if named.is_empty() {
            let all = domains().iter();
            return all.map(|domain| domain.name.to_string()).collect();
        }
        named
    }

    /// Keeps settings and configuration in a folder that pre-training will fill.
    pub fn write(&self, out: &Path, config: &RunConfig) -> Result<()> {
        let folder = out.join(TRAINING);
        files::write(&folder.join(CONFIG), config.to_toml()?.as_bytes())?;
        files::write_json(&folder.join(SETTINGS), self)
    }

    /// Settings and configuration of a pre-training that was stopped.
    pub fn read(out: &Path, kind: Kind) -> Result<(Self, RunConfig)> {
        let folder = out.join(TRAINING);
        let path = folder.join(SETTINGS);
        if !path.is_file() {
            bail!(
                "{} is no folder of `trainer pretrain`: it has no {TRAINING}/{SETTINGS}; name what --out named",
                out.display()
            );
        }
        let settings: Self = serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} is not what `trainer pretrain` keeps", path.display()))?;
        if settings.kind != kind {
            let name = settings.kind.name();
            bail!(
                "{} holds a {name} model; go on with: trainer pretrain {name} --resume {}",
                out.display(),
                out.display()
            );
        }
        Ok((settings, RunConfig::read(&folder.join(CONFIG), &[])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let course = Course {
            steps: 200,
            batch: 8,
            rate: 1.0,
        };
        let rates: Vec<f64> = (1..=200).map(|step| course.rate_at(step)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-9 && (rates[9] - 1.0).abs() < 1e-9);
        assert!(rates[9..].windows(2).all(|pair| pair[1] < pair[0]));
        assert!((rates[104] - 0.5).abs() < 1e-9 && rates[199].abs() < 1e-9);
        let one = Course { steps: 1, ..course };
        assert!((one.rate_at(1) - 1.0).abs() < 1e-9);
    }
}
