//! Safetensors files, of which the header alone is kept in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{BLOCK, Block, Source};

/// The format's own limit of a header.
const HEADER: u64 = 100_000_000;

/// Reads `embeddings` `[n, width]` f32, and in the metadata the names under `images`, one a
/// line, and the SHA-256 of the weights under `model`.
pub fn open(path: &Path) -> Result<Source> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER {
        bail!("its header cannot be that long");
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header)?;
    let tensor = header.info("embeddings").context("no `embeddings`")?;
    let (Dtype::F32, &[rows, width]) = (tensor.dtype, &tensor.shape[..]) else {
        bail!(
            "`embeddings` is {:?} of shape {:?}, expected f32 [rows, width]",
            tensor.dtype,
            tensor.shape
        );
    };
    let start = 8 + length;
    if file.metadata()?.len() != start + header.data_len() as u64 {
        bail!("it is not as long as its header says");
    }
    let told = header.metadata().as_ref();
    let names = told.and_then(|m| m.get("images")).context("no `images`")?;
    let names: Vec<String> = names.split('\n').map(str::to_string).collect();
    if names.len() != rows || width == 0 {
        bail!("{} names for {rows} rows of {width} numbers", names.len());
    }
    let model = told.and_then(|m| m.get("model")).cloned();
    file.seek(SeekFrom::Start(start + tensor.data_offsets.0 as u64))?;
    let mut names = names.into_iter();
    let next = move || {
        let paths: Vec<String> = names.by_ref().take(BLOCK).collect();
        (!paths.is_empty()).then(|| {
            let mut bytes = vec![0; paths.len() * width * size_of::<f32>()];
            file.read_exact(&mut bytes)?;
            let (numbers, _) = bytes.as_chunks();
            let embeddings = numbers.iter().map(|&number| f32::from_le_bytes(number));
            Ok(Block {
                paths,
                embeddings: embeddings.collect(),
            })
        })
    };
    Ok(Source {
        rows,
        width,
        model,
        blocks: Box::new(std::iter::from_fn(next)),
    })
}
