//! What is known of a segment's rows besides their embeddings.

use anyhow::{Context, Result, bail};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

/// Paths, digests and removals of a segment's rows.
#[derive(Default)]
pub struct Rows {
    /// The paths, one after another.
    paths: Vec<u8>,
    /// Where each path ends.
    ends: Vec<u64>,
    /// [`digest`] of each embedding.
    digests: Vec<u64>,
    /// Rows that count no more, ascending.
    removed: Vec<u64>,
}

impl Rows {
    /// Rows, the removed ones too.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Rows that count no more, ascending.
    pub fn removed(&self) -> &[u64] {
        &self.removed
    }

    /// Whether a row has not been removed.
    pub fn counts(&self, row: usize) -> bool {
        self.removed.binary_search(&(row as u64)).is_err()
    }

    /// Appends a row.
    pub fn push(&mut self, path: &str, digest: u64) {
        self.paths.extend(path.as_bytes());
        self.ends.push(self.paths.len() as u64);
        self.digests.push(digest);
    }

    /// Lets a row count no more.
    pub fn remove(&mut self, row: usize) {
        if let Err(place) = self.removed.binary_search(&(row as u64)) {
            self.removed.insert(place, row as u64);
        }
    }

    /// Path of a row that exists.
    pub fn path(&self, row: usize) -> String {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        String::from_utf8_lossy(&self.paths[start as usize..self.ends[row] as usize]).into_owned()
    }

    /// [`digest`] of the embedding of a row that exists.
    pub fn digest(&self, row: usize) -> u64 {
        self.digests[row]
    }

    /// The file of these rows: safetensors with `paths`, `ends`, `digests` and `removed`.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let numbers = |values: &[u64]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let [ends, digests, removed] =
            [&self.ends, &self.digests, &self.removed].map(|values| numbers(values));
        let view = |dtype, length, bytes| TensorView::new(dtype, vec![length], bytes);
        let tensors = [
            ("paths", view(Dtype::U8, self.paths.len(), &self.paths)?),
            ("ends", view(Dtype::U64, self.ends.len(), &ends)?),
            ("digests", view(Dtype::U64, self.digests.len(), &digests)?),
            ("removed", view(Dtype::U64, self.removed.len(), &removed)?),
        ];
        Ok(safetensors::serialize(tensors, None)?)
    }

    /// Reads what [`Rows::to_bytes`] wrote.
    ///
    /// # Errors
    /// Other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).context("expected a list of rows")?;
        let numbers = |name| -> Result<Vec<u64>> {
            let (chunks, _) = file.tensor(name)?.data().as_chunks::<8>();
            Ok(chunks
                .iter()
                .map(|&chunk| u64::from_le_bytes(chunk))
                .collect())
        };
        let rows = Self {
            paths: file.tensor("paths")?.data().to_vec(),
            ends: numbers("ends")?,
            digests: numbers("digests")?,
            removed: numbers("removed")?,
        };
        let count = rows.len() as u64;
        if rows.digests.len() as u64 != count
            || !rows.ends.is_sorted()
            || rows
                .ends
                .last()
                .is_some_and(|&end| end > rows.paths.len() as u64)
            || !rows.removed.is_sorted()
            || rows.removed.last().is_some_and(|&row| row >= count)
        {
            bail!("its parts contradict each other");
        }
        Ok(rows)
    }
}

/// Tells one embedding from another: the first bytes of its SHA-256.
pub fn digest(embedding: &[f32]) -> u64 {
    let hash = Sha256::digest(bytemuck::cast_slice::<f32, u8>(embedding));
    let [first, ..] = *hash.as_slice().as_chunks::<8>().0 else {
        return 0;
    };
    u64::from_le_bytes(first)
}

/// Tells one path from another: half of its SHA-256.
pub fn path_digest(path: &str) -> u128 {
    let hash = Sha256::digest(path);
    let (halves, _) = hash.as_chunks::<16>();
    halves.first().map_or(0, |&half| u128::from_le_bytes(half))
}
