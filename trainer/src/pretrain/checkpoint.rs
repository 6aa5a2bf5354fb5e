//! Where a network stands in its course, so that it can go on.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use dcac_model::weights::{Precision, Values, values};
use serde::{Deserialize, Serialize};

use crate::files::{self, NewFolder};
use crate::tensors::write_safetensors;
use crate::train::checkpoint::moments::{self, AdamOf};
use crate::train::checkpoint::{self, Which, folders};

const WEIGHTS: &str = "model.safetensors";
const MOMENTS: &str = "resume.safetensors";
const STATE: &str = "state.json";
/// Checkpoints that are kept.
const KEPT: usize = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    step: u64,
    seconds: f64,
    /// SHA-256 of the other files.
    files: BTreeMap<String, String>,
}

/// A network, its optimiser, and how far they are.
pub struct Standing<B: AutodiffBackend, M: AutodiffModule<B>> {
    /// The network.
    pub model: M,
    /// Adam and its moments.
    pub optimizer: AdamOf<B, M>,
    /// Steps done.
    pub step: u64,
    /// Seconds that they took.
    pub seconds: f64,
}

impl<B: AutodiffBackend, M: AutodiffModule<B>> Standing<B, M> {
    /// Writes a checkpoint, and removes those that are too old.
    pub fn save(&self, course: &Path) -> Result<()> {
        let path = folders::of_step(course, self.step);
        if path.is_dir() {
            return Ok(());
        }
        let folder = NewFolder::create(&path)?;
        let mut state = State {
            step: self.step,
            seconds: self.seconds,
            files: BTreeMap::new(),
        };
        let mut write = |name: &str, tensors: &[Values]| -> Result<()> {
            let path = folder.draft().join(name);
            write_safetensors(&path, tensors, Precision::F32, || ())?;
            state.files.insert(name.to_string(), files::sha256(&path)?);
            Ok(())
        };
        write(WEIGHTS, &values(&self.model))?;
        write(MOMENTS, &moments::values(&self.model, &self.optimizer))?;
        files::write_json(&folder.draft().join(STATE), &state)?;
        folder.publish()?;
        folders::prune(course, KEPT, None)
    }

    /// This start, or the newest checkpoint of a course if it has one.
    pub fn resume(self, course: &Path, device: &B::Device) -> Result<Self> {
        if !folders::has_any(course)? {
            return Ok(self);
        }
        folders::sweep(course)?;
        let folder = folders::find(course, &Which::Last)?;
        let path = folder.join(STATE);
        let state: State = serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} is not a checkpoint's state", path.display()))?;
        for (name, digest) in &state.files {
            let path = folder.join(name);
            if files::sha256(&path)? != *digest {
                bail!(
                    "{} is not what was saved: it was cut short or changed; remove {} to go on from the checkpoint before",
                    path.display(),
                    folder.display()
                );
            }
        }
        let path = folder.join(WEIGHTS);
        let model = checkpoint::fill(self.model, checkpoint::open(&path)?, &path)?;
        let path = folder.join(MOMENTS);
        let tensors = checkpoint::open(&path)?;
        let optimizer = moments::restore(&model, self.optimizer, &tensors, device)
            .with_context(|| path.display().to_string())?;
        println!(
            "going on after step {}, from {}",
            state.step,
            folder.display()
        );
        Ok(Self {
            model,
            optimizer,
            step: state.step,
            seconds: state.seconds,
        })
    }
}
