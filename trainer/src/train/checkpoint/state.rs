//! What a checkpoint says beside its tensors.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{CONFIG, STATE};
use crate::files;
use crate::train::cost::Costs;
use crate::train::loss_scale::LossScale;
use crate::train::metrics::EpochMeans;

/// Where a run stands: `state.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// SHA-256 of the run's `config.toml`.
    pub config: String,
    /// Epochs done.
    pub epoch: usize,
    /// Steps done in the epoch after those.
    pub epoch_steps: usize,
    /// Steps done in all.
    pub step: u64,
    /// N, the training identities.
    pub identities: usize,
    /// Training images.
    pub images: usize,
    /// Folders of the training data.
    pub sources: Vec<String>,
    /// Scale of the losses in f16.
    pub loss_scale: LossScale,
    /// Means over the steps done in the epoch.
    pub means: EpochMeans,
    /// Time spent so far.
    pub costs: Costs,
    /// SHA-256 of the checkpoint's other files.
    pub files: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The state of a checkpoint's folder, which must be whole and of this run.
    pub fn read_state(run: &Path, folder: &Path) -> Result<Self> {
        let path = folder.join(STATE);
        let state: Self = serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} is not a checkpoint's state", path.display()))?;
        if state.config != files::sha256(&run.join(CONFIG))? {
            bail!(
                "{} is of a run with another configuration; put back the config.toml that it was trained with, or remove it",
                folder.display()
            );
        }
        for (name, digest) in &state.files {
            let path = folder.join(name);
            if files::sha256(&path)? != *digest {
                bail!(
                    "{} is not what was saved: it was cut short, changed or taken from another run; remove {} to go on from the checkpoint before",
                    path.display(),
                    folder.display()
                );
            }
        }
        Ok(state)
    }
}

/// The best checkpoint so far: `best.json` of a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Best {
    /// Its step.
    pub step: u64,
    /// Its epoch.
    pub epoch: usize,
    /// Mean mAP over the targets, 0 to 1.
    pub map: f64,
}

impl Best {
    const FILE: &str = "best.json";

    /// The best checkpoint of a run, if it was evaluated while training.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join(Self::FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let best = serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} does not name a checkpoint", path.display()))?;
        Ok(Some(best))
    }

    /// Makes it the best checkpoint of a run.
    pub fn write(&self, run: &Path) -> Result<()> {
        files::write_json(&run.join(Self::FILE), self)
    }
}
