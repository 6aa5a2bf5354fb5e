//! Whom a run is trained on: `identities.json`, so that its classifier can be exported where
//! the data is not.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::reid::TrainingIdentity;

use super::record::RunRecord;
use crate::data::TrainingSet;
use crate::files;

/// The list's file, in a run and in an export.
pub const IDENTITIES: &str = "identities.json";

/// Writes the identities of a training set into a run's folder.
pub fn write(run: &Path, set: &TrainingSet) -> Result<()> {
    files::write_json(&run.join(IDENTITIES), &set.people)
}

/// The identities of a run, in the order of labels. Those of a run that was begun before they
/// were kept are read from its training data.
///
/// # Errors
/// A list that cannot be read, and where there is none, data that is gone or has changed.
pub fn read(run: &Path) -> Result<Vec<TrainingIdentity>> {
    let path = run.join(IDENTITIES);
    if path.is_file() {
        return serde_json::from_slice(&files::read(&path)?)
            .with_context(|| format!("{} is no list of identities", path.display()));
    }
    let record = RunRecord::read(run)?;
    let [data, targets] = record.named()?;
    let set = TrainingSet::read(&data).with_context(|| {
        format!(
            "{} is missing, and the training data that it could be read from ({}) is not there",
            path.display(),
            record.data.join(", ")
        )
    })?;
    if RunRecord::new(&data, &targets, &set)?.images != record.images {
        bail!(
            "{} is missing, and {} is no longer what the run was trained on; put the data back",
            path.display(),
            record.data.join(", ")
        );
    }
    Ok(set.people)
}
