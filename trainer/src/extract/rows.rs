//! The rows of a finished extraction, read from disk a block at a time.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use anyhow::{Context, Result};
use dcac_model::retrieval::label_of;

use super::part::Part;

/// Embeddings and what their files' names say.
pub struct Rows {
    /// Names within the folder of images.
    pub names: Vec<String>,
    /// Identities, where a name says one.
    pub identities: Vec<Option<i32>>,
    /// Cameras, where a name says one.
    pub cameras: Vec<Option<i32>>,
    /// Numbers of an embedding.
    pub width: usize,
    /// SHA-256 of the model's weights.
    pub model: String,
    numbers: PathBuf,
}

/// Rows that are in memory at once.
const BLOCK: usize = 4096;

impl Rows {
    /// The rows of an extraction of `names` by a model.
    pub fn of(part: &Part, names: &[String], model: &str) -> Result<Self> {
        let kept = part.kept();
        let names: Vec<String> = kept.iter().map(|&index| names[index].clone()).collect();
        let labels = names.iter().map(|name| label_of(name.rsplit('/').next()?));
        let labels: Vec<_> = labels.collect();
        Ok(Self {
            identities: (labels.iter())
                .map(|label| Some(label.as_ref()?.identity))
                .collect(),
            cameras: (labels.iter())
                .map(|label| i32::try_from(label.as_ref()?.camera).ok())
                .collect(),
            names,
            width: part.width(),
            model: model.to_string(),
            numbers: part.numbers(),
        })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Lets `take` have the bytes of some rows after the other, f32, little-endian.
    pub fn each_block(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let failed = || format!("cannot read {}", self.numbers.display());
        let mut file = BufReader::new(File::open(&self.numbers).with_context(failed)?);
        let mut left = self.len();
        while left > 0 {
            let count = left.min(BLOCK);
            let mut bytes = vec![0; count * self.width * size_of::<f32>()];
            file.read_exact(&mut bytes).with_context(failed)?;
            take(&bytes)?;
            left -= count;
        }
        Ok(())
    }
}
