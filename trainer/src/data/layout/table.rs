//! Data sets listed in a CSV file.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;
use dcac_model::retrieval::{JUNK, Label};

use crate::data::{Crop, Split};

const COLUMNS: [&str; 4] = ["path", "identity", "camera", "split"];

/// The crops of a split: rows of a CSV with the columns `path` (relative to the file,
/// or absolute), `identity` (a whole number; -1 is junk, 0 a distractor), `camera` (a
/// whole number from 0) and `split` (train, query or gallery), in any order and among
/// others.
pub fn split(file: &Path, split: Split) -> Result<Vec<Crop>> {
    let rows = rows(file)?;
    let own = rows
        .into_iter()
        .filter(|(of, crop)| *of == split && crop.label.identity != JUNK);
    let crops: Vec<Crop> = own.map(|(_, crop)| crop).collect();
    ensure!(
        !crops.is_empty(),
        "{} has no row whose split is {}",
        file.display(),
        split.name()
    );
    Ok(crops)
}

/// The splits that a CSV has rows of.
pub fn splits(file: &Path) -> Result<Vec<Split>> {
    let rows = rows(file)?;
    let has = |split: &Split| rows.iter().any(|(of, _)| of == split);
    let splits: Vec<Split> = Split::ALL.into_iter().filter(has).collect();
    ensure!(!splits.is_empty(), "{} has no rows", file.display());
    Ok(splits)
}

fn rows(file: &Path) -> Result<Vec<(Split, Crop)>> {
    let opened = || {
        format!(
            "cannot read {}; csv=FILE names a file with the columns {}",
            file.display(),
            COLUMNS.join(", ")
        )
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .with_context(opened)?;
    let header = reader.headers().with_context(opened)?.clone();
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|name| name == column);
        *place = found.with_context(|| {
            format!(
                "{}, line 1: no column `{column}`; expected {}, found {}",
                file.display(),
                COLUMNS.join(","),
                header.iter().collect::<Vec<_>>().join(",")
            )
        })?;
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(opened)?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(&record, places, folder);
        rows.push(row.with_context(|| format!("{}, line {line}", file.display()))?);
    }
    Ok(rows)
}

fn row(record: &StringRecord, places: [usize; 4], folder: &Path) -> Result<(Split, Crop)> {
    let [path, identity, camera, split] = places.map(|place| record.get(place).unwrap_or(""));
    let split = match Split::ALL.into_iter().find(|known| known.name() == split) {
        Some(split) => split,
        None => bail!("the split is `{split}`; expected train, query or gallery"),
    };
    let identity = match identity.parse() {
        Ok(identity) if identity >= JUNK => identity,
        _ => bail!("the identity is `{identity}`; expected a whole number, or -1 for junk"),
    };
    let camera = camera
        .parse()
        .with_context(|| format!("the camera is `{camera}`; expected a whole number from 0"))?;
    let path = folder.join(path);
    ensure!(path.is_file(), "there is no file {}", path.display());
    let label = Label { identity, camera };
    Ok((split, Crop { path, label }))
}
