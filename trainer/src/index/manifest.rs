//! `index.json`, the list of what an index consists of.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::files;

/// The file's name.
pub const MANIFEST: &str = "index.json";

/// What an index consists of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Numbers of an embedding.
    pub width: usize,
    /// SHA-256 of the weights that made the embeddings, where known.
    pub model: Option<String>,
    /// Saves so far; file names carry it, so none is used twice.
    pub saves: u64,
    /// The hyperplanes of all codes; none before the first row.
    pub hyperplanes: Option<Part>,
    /// In the order of their insertion; only the last may grow.
    pub segments: Vec<Segment>,
}

/// A number of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Rows, the removed ones too.
    pub rows: usize,
    /// Rows that count no more.
    pub removed: usize,
    /// Embeddings and codes.
    pub vectors: Part,
    /// Paths, digests and removals.
    pub list: Part,
}

/// A file of the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its name within the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the whole file.
    pub crc32: u32,
}

/// The file, whose checksum is that of the manifest as JSON without spaces.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u32,
    crc32: u32,
    index: Manifest,
}

/// Version of the folder's format.
const VERSION: u32 = 2;

impl Manifest {
    /// Rows that count.
    pub fn rows(&self) -> usize {
        self.segments.iter().map(|s| s.rows - s.removed).sum()
    }

    /// All listed files.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let segments = self.segments.iter().flat_map(|s| [&s.vectors, &s.list]);
        segments.chain(&self.hyperplanes)
    }

    /// Bytes of all listed files.
    pub fn bytes(&self) -> u64 {
        self.parts().map(|part| part.bytes).sum()
    }

    /// Reads the manifest of an index.
    ///
    /// # Errors
    /// A folder that is no index, a damaged file, another version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            bail!(
                "{} is no index: it has no {MANIFEST}; make one: trainer index --from FILE --out {}",
                folder.display(),
                folder.display()
            );
        }
        let damaged = || format!("{} is damaged; build the index anew", path.display());
        let sealed: Sealed = serde_json::from_slice(&files::read(&path)?).with_context(damaged)?;
        if sealed.version != VERSION {
            bail!(
                "{} has format version {}, this program reads version {VERSION}; build the index anew",
                path.display(),
                sealed.version
            );
        }
        let whole = sealed.index.segments.iter().all(|s| s.removed <= s.rows);
        if sealed.crc32 != sealed.index.seal()? || !whole {
            bail!("{}: its checksum does not match", damaged());
        }
        Ok(sealed.index)
    }

    /// Replaces the manifest of an index in one step.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let sealed = Sealed {
            version: VERSION,
            crc32: self.seal()?,
            index: self.clone(),
        };
        files::write_json(&folder.join(MANIFEST), &sealed)
    }

    fn seal(&self) -> Result<u32> {
        Ok(crc32fast::hash(&serde_json::to_vec(self)?))
    }
}
