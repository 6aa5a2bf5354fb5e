//! A trained model on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::dcac::Dcac;
use dcac_model::weights::{self, Precision};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::evaluate::Report;
use crate::files;

/// The resolved configuration's file within a run.
pub const CONFIG: &str = "config.toml";
const WEIGHTS: &str = "model.safetensors";
const STATE: &str = "state.json";

/// What a checkpoint says beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done.
    pub step: u64,
    /// N, the training identities.
    pub identities: usize,
    /// Training images.
    pub images: usize,
    /// Folders of the training data.
    pub sources: Vec<String>,
}

fn folder(run: &Path) -> PathBuf {
    run.join("checkpoints").join("last")
}

impl Checkpoint {
    /// Writes the checkpoint of a run: the weights first, so that a state without
    /// weights never exists.
    pub fn write<B: Backend>(&self, run: &Path, model: &Dcac<B>) -> Result<PathBuf> {
        let folder = folder(run);
        let bytes = weights::save(model, Precision::F32, &[])?;
        files::write(&folder.join(WEIGHTS), &bytes)?;
        files::write_json(&folder.join(STATE), self)?;
        Ok(folder)
    }

    /// Reads the checkpoint of a run and its configuration.
    pub fn read<B: Backend>(run: &Path, device: &B::Device) -> Result<(Self, RunConfig, Dcac<B>)> {
        let config_path = run.join(CONFIG);
        if !config_path.is_file() {
            bail!(
                "{} is no run: it has no {CONFIG}; name a folder written by `trainer train`",
                run.display()
            );
        }
        let config = RunConfig::read(&config_path, &[])?;
        let folder = folder(run);
        let state_path = folder.join(STATE);
        if !state_path.is_file() {
            bail!(
                "{} has no checkpoint yet; let `trainer train` finish first",
                run.display()
            );
        }
        let state: Self = serde_json::from_slice(&files::read(&state_path)?)
            .with_context(|| format!("{} is not a checkpoint's state", state_path.display()))?;
        let path = folder.join(WEIGHTS);
        let model = Dcac::new(&config.model, state.identities, device);
        let model = weights::load(model, files::read(&path)?, &[])
            .with_context(|| format!("cannot load {}", path.display()))?;
        Ok((state, config, model))
    }
}

/// Where a run keeps the figures of its last evaluation.
pub fn evaluation_path(run: &Path) -> PathBuf {
    run.join("evaluation.json")
}

/// The figures of a run's evaluations, if it has been evaluated.
pub fn write_evaluation(run: &Path, reports: &[Report]) -> Result<()> {
    files::write_json(&evaluation_path(run), &reports)
}
