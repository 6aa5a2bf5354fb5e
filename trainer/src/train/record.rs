//! What a run was asked to train on: `run.json`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint;
use crate::data::{NamedData, TrainingSet};
use crate::evaluate::Report;
use crate::files;

const RECORD: &str = "run.json";
const FIGURES: &str = "evaluation.json";

/// Data of a run, enough to go on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Program that began it.
    pub program: String,
    /// Folder that it was begun in, which relative paths count from.
    pub folder: PathBuf,
    /// Training data as NAME=DIR.
    pub data: Vec<String>,
    /// Test data as NAME=DIR.
    pub targets: Vec<String>,
    /// SHA-256 over file names, labels and cameras of the training images, in their order.
    pub images: String,
}

impl RunRecord {
    /// The record of a run that begins.
    pub fn new(data: &[NamedData], targets: &[NamedData], set: &TrainingSet) -> Result<Self> {
        let text = |all: &[NamedData]| all.iter().map(ToString::to_string).collect();
        let mut hash = Sha256::new();
        for image in &set.images {
            hash.update(files::name(&image.path));
            hash.update(image.label.to_le_bytes());
            hash.update(image.camera.to_le_bytes());
        }
        Ok(Self {
            program: concat!("trainer ", env!("CARGO_PKG_VERSION")).to_string(),
            folder: working_folder()?,
            data: text(data),
            targets: text(targets),
            images: files::hex(&hash.finalize()),
        })
    }

    /// Writes it into a run's folder.
    pub fn write(&self, run: &Path) -> Result<()> {
        files::write_json(&run.join(RECORD), self)
    }

    /// The record of a run that exists.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join(RECORD);
        if !path.is_file() {
            bail!(
                "{} is no run: it has no {RECORD}; name a folder written by `trainer train`",
                run.display()
            );
        }
        serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} is not the record of a run", path.display()))
    }

    /// Training data and targets.
    pub fn named(&self) -> Result<[Vec<NamedData>; 2]> {
        let elsewhere = working_folder()? != self.folder;
        let parse = |text: &String| {
            let parsed = text.parse::<NamedData>();
            let mut named = parsed.map_err(|error| anyhow!("{text}: {error}"))?;
            if elsewhere {
                named.folder = self.folder.join(&named.folder);
            }
            anyhow::Ok(named)
        };
        let parse = |all: &[String]| all.iter().map(parse).collect::<Result<_>>();
        Ok([parse(&self.data)?, parse(&self.targets)?])
    }

    /// Whether a run of this record may go on as `now`.
    pub fn check(&self, now: &Self, run: &Path) -> Result<()> {
        let run = run.display();
        if self.images != now.images || self.data.len() != now.data.len() {
            bail!(
                "the training images are not those that {run} began with ({}); put them back, or start a new run",
                self.data.join(", ")
            );
        }
        Ok(())
    }
}

fn working_folder() -> Result<PathBuf> {
    std::env::current_dir().context("the working folder is gone")
}

/// Writes the figures, which makes the run a finished one.
pub fn write_figures(run: &Path, reports: &[Report]) -> Result<PathBuf> {
    let path = run.join(FIGURES);
    files::write_json(&path, &reports)?;
    Ok(path)
}

/// The figures that a run ended with.
///
/// # Errors
/// A run that has not ended.
pub fn read_figures(run: &Path) -> Result<Vec<Report>> {
    let path = run.join(FIGURES);
    if !path.is_file() {
        bail!(
            "{0} has no figures yet ({FIGURES} is missing); finish it by `trainer train --resume {0}`, or name test sets by --target NAME=DIR",
            run.display()
        );
    }
    serde_json::from_slice(&files::read(&path)?)
        .with_context(|| format!("{} does not hold a run's figures", path.display()))
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// There is none.
    Absent,
    /// It was stopped, or still goes on.
    Unfinished {
        /// Epochs done at its last checkpoint.
        epoch: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// It has been trained and evaluated.
    Finished,
}

impl RunState {
    /// The state of the run in a folder.
    ///
    /// # Errors
    /// A run whose files cannot be read.
    pub fn of(run: &Path) -> Result<Self> {
        if !run.join(RECORD).is_file() {
            return Ok(Self::Absent);
        }
        if run.join(FIGURES).is_file() {
            return Ok(Self::Finished);
        }
        let config = checkpoint::read_config(run)?;
        let epoch = checkpoint::last_state(run)?.map_or(0, |(_, state)| state.epoch);
        Ok(Self::Unfinished {
            epoch,
            epochs: config.optim.epochs,
        })
    }
}
