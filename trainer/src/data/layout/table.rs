//! Data sets listed in a CSV file.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::{JUNK, Label};
use serde::Deserialize;

use crate::data::{Crop, Split};

/// A line of the file; other columns are ignored.
#[derive(Deserialize)]
struct Row {
    path: String,
    identity: i32,
    camera: u32,
    split: String,
}

/// The rows of a split. Paths count from the file's folder; identity -1 is left out, 0 is
/// a distractor.
pub fn split(file: &Path, split: Split) -> Result<Vec<Crop>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let expected = "expected a header with the columns path, identity, camera and split";
    let header = (reader.headers()).with_context(|| format!("{}: {expected}", file.display()))?;
    for column in ["path", "identity", "camera", "split"] {
        if !header.iter().any(|name| name == column) {
            bail!("{} has no column `{column}`; {expected}", file.display());
        }
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut crops = Vec::new();
    for row in reader.deserialize::<Row>() {
        let row = row.with_context(|| file.display().to_string())?;
        if !Split::ALL.iter().any(|split| split.name() == row.split) {
            bail!(
                "{}: the split of {} is `{}`, expected train, query or gallery",
                file.display(),
                row.path,
                row.split
            );
        }
        if row.identity < JUNK {
            bail!(
                "{}: the identity of {} is {}, expected 0 or more, or -1 for junk",
                file.display(),
                row.path,
                row.identity
            );
        }
        if row.split == split.name() && row.identity != JUNK {
            crops.push(Crop {
                path: folder.join(row.path),
                label: Label {
                    identity: row.identity,
                    camera: row.camera,
                },
            });
        }
    }
    if crops.is_empty() {
        bail!("{} lists no image of {}", file.display(), split.name());
    }
    Ok(crops)
}
