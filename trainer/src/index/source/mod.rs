//! Files of embeddings, read block by block.

mod parquet;
mod safetensors;

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Rows of a block at most.
const BLOCK: usize = 4096;

/// A number of rows of a file.
pub struct Block {
    /// Names of the rows.
    pub paths: Vec<String>,
    /// Their embeddings, row-major.
    pub embeddings: Vec<f32>,
}

/// A file written by `trainer extract`.
pub struct Source {
    /// Rows in the file.
    pub rows: usize,
    /// Numbers of an embedding.
    pub width: usize,
    /// SHA-256 of the weights that made the embeddings, if the file tells.
    pub model: Option<String>,
    /// The rows, block after block.
    pub blocks: Box<dyn Iterator<Item = Result<Block>>>,
}

impl Source {
    /// Opens a file; its rows are read when they are wanted.
    ///
    /// # Errors
    /// A file that `trainer extract` has not written, or not to its end.
    pub fn open(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let opened = match ending {
            Some("safetensors") => safetensors::open(path),
            Some("parquet") => parquet::open(path),
            _ => bail!(
                "{} is no .safetensors or .parquet file; name one written by trainer extract",
                path.display()
            ),
        };
        let mut source = opened.with_context(|| {
            format!(
                "{} holds no embeddings of trainer extract; write it again",
                path.display()
            )
        })?;
        let path = path.to_path_buf();
        let named = move |block: Result<_>| {
            block.with_context(|| format!("cannot read {}", path.display()))
        };
        source.blocks = Box::new(source.blocks.map(named));
        Ok(source)
    }
}
