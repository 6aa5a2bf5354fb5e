//! Data sets on disk, batches and their order.

mod batches;
mod market1501;
mod sampler;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result};
use dcac_model::image::{Pixels, decode};
use dcac_model::retrieval::Label;

pub use batches::{Loader, TrainBatch, View, plain};
pub use sampler::epoch_batches;

use crate::files;

/// `NAME=DIR` of the command line.
#[derive(Clone, Debug)]
pub struct NamedData {
    /// Which layout.
    pub layout: Layout,
    /// Where it lies.
    pub folder: PathBuf,
}

/// Folder layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Market-1501's.
    Market1501,
}

impl Layout {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Market1501 => "market1501",
        }
    }
}

impl FromStr for NamedData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, folder)) = text.split_once('=') else {
            return Err("expected NAME=DIR, such as market1501=data/plaza".to_string());
        };
        if name != Layout::Market1501.name() {
            return Err(format!("`{name}` is no known layout; choose market1501"));
        }
        Ok(Self {
            layout: Layout::Market1501,
            folder: folder.into(),
        })
    }
}

impl fmt::Display for NamedData {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}={}", self.layout.name(), self.folder.display())
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Training images.
    Train,
    /// Test images that are looked for.
    Query,
    /// Test images that are looked through.
    Gallery,
}

impl NamedData {
    /// The crops of a split, sorted by file name.
    pub fn split(&self, split: Split) -> Result<Vec<Crop>> {
        match self.layout {
            Layout::Market1501 => market1501::split(&self.folder, split),
        }
    }
}

/// Training crops with contiguous labels.
pub struct TrainingSet {
    /// Files and labels below [`Self::identities`].
    pub images: Vec<(PathBuf, usize)>,
    /// N.
    pub identities: usize,
}

impl TrainingSet {
    /// Merges the training splits of all sources: labels are indices into each
    /// source's sorted identities, offset source by source.
    pub fn read(sources: &[NamedData]) -> Result<Self> {
        let mut images = Vec::new();
        let mut offset = 0;
        for source in sources {
            let crops = source.split(Split::Train)?;
            let mut identities: Vec<i32> = crops.iter().map(|crop| crop.label.identity).collect();
            identities.sort_unstable();
            identities.dedup();
            for crop in crops {
                if let Ok(index) = identities.binary_search(&crop.label.identity) {
                    images.push((crop.path, offset + index));
                }
            }
            offset += identities.len();
        }
        Ok(Self {
            images,
            identities: offset,
        })
    }
}

/// Reads and decodes one crop.
pub fn read_pixels(path: &std::path::Path) -> Result<Pixels> {
    decode(&files::read(path)?).with_context(|| {
        format!(
            "cannot decode {}; remove the file or replace it by a whole JPEG or PNG",
            path.display()
        )
    })
}
