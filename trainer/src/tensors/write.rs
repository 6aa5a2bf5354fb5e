//! Safetensors files written one tensor at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use dcac_model::weights::{Precision, Values, little_endian};
use serde_json::json;

/// Writes tensors; `written` hears of every one. A file that exists is overwritten, and
/// half-written if this fails: call it on a draft.
pub fn write_safetensors(
    path: &Path,
    tensors: &[Values],
    precision: Precision,
    written: impl Fn(),
) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let (dtype, size) = match precision {
        Precision::F16 => ("F16", 2),
        Precision::F32 => ("F32", 4),
    };
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut end = 0;
    for tensor in tensors {
        let start = end;
        end += tensor.shape.iter().product::<usize>() * size;
        let entry = json!({
            "dtype": dtype, "shape": tensor.shape, "data_offsets": [start, end],
        });
        header.insert(tensor.name.clone(), entry);
    }
    let mut header = serde_json::to_vec(&header)?;
    // The format wants the numbers to begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    file.write_all(&(header.len() as u64).to_le_bytes())
        .with_context(failed)?;
    file.write_all(&header).with_context(failed)?;
    for tensor in tensors {
        let read = (tensor.read)();
        let numbers = read.map_err(|error| anyhow!("`{}`: {error}", tensor.name))?;
        let bytes = little_endian(&numbers, precision);
        file.write_all(&bytes).with_context(failed)?;
        written();
    }
    let file = (file.into_inner()).map_err(|error| error.into_error());
    // What a rename will make the only copy must have reached the disk.
    (file.and_then(|file| file.sync_all())).with_context(failed)
}
