//! Data sets on disk, batches and their order.

mod batches;
mod layout;
mod sampler;
mod set;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use dcac_model::image::{Pixels, decode};
use dcac_model::retrieval::Label;

pub use batches::{Loader, TrainBatch, View, plain};
pub use layout::{HELP, Layout};
pub use sampler::epoch_batches;
#[cfg(test)]
pub use set::TrainingImage;
pub use set::{TrainingSet, distinct};

use crate::files;

/// `NAME=DIR` of the command line.
#[derive(Clone, Debug)]
pub struct NamedData {
    /// Which layout.
    pub layout: Layout,
    /// Where it lies.
    pub folder: PathBuf,
}

impl FromStr for NamedData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, folder)) = text.split_once('=') else {
            return Err("expected NAME=DIR, such as market1501=data/plaza".to_string());
        };
        if folder.is_empty() {
            return Err(format!("`{text}` names no folder; expected NAME=DIR"));
        }
        Ok(Self {
            layout: name.parse()?,
            folder: folder.into(),
        })
    }
}

impl fmt::Display for NamedData {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}={}", self.layout, self.folder.display())
    }
}

/// One crop.
#[derive(Clone, Debug)]
pub struct Crop {
    /// Its file.
    pub path: PathBuf,
    /// Identity and camera.
    pub label: Label,
}

/// One part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// Training images.
    Train,
    /// Test images that are looked for.
    Query,
    /// Test images that are looked through.
    Gallery,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Query, Self::Gallery];

    /// Its name, also in a CSV file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Query => "query",
            Self::Gallery => "gallery",
        }
    }
}

impl NamedData {
    /// What people call it: the name of its folder or table, or of its layout.
    pub fn name(&self) -> String {
        match self.folder.file_stem() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => self.layout.to_string(),
        }
    }

    /// The splits that it has: all three, but for sets that are for training alone and
    /// tables without some of them.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn splits(&self) -> Result<Vec<Split>> {
        self.layout.splits(&self.folder)
    }

    /// The crops of a split in a fixed order, junk left out.
    pub fn split(&self, split: Split) -> Result<Vec<Crop>> {
        self.layout.split(&self.folder, split)
    }
}

/// Reads and decodes one crop.
pub fn read_pixels(path: &Path) -> Result<Pixels> {
    decode(&files::read(path)?).with_context(|| {
        format!(
            "cannot decode {}; remove the file or replace it by a whole JPEG, PNG or BMP",
            path.display()
        )
    })
}
