//! Weight files of other programs: every tensor by its name there.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::stored::{Format, Stored, TensorFile};
use super::torch_file;

/// The tensors of one or several files.
pub type Tensors = BTreeMap<String, Stored>;

/// Opens a safetensors file, or one that PyTorch wrote, whichever it is.
pub fn open(path: &Path) -> Result<Tensors> {
    if path.is_dir() {
        bail!(
            "{} is a folder, expected a file of weights (.safetensors, .pt, .pth, .ckpt or .bin)",
            path.display()
        );
    }
    let file = TensorFile::open(path)?;
    let head = file.read(0, 4).unwrap_or_default();
    let tensors = match head.as_slice() {
        b"PK\x03\x04" => torch_file::open(path, &file),
        [0x80, ..] => bail!(
            "{} is in PyTorch's format from before version 1.6; open and save it once with a newer PyTorch",
            path.display()
        ),
        _ => safetensors(&file),
    };
    let tensors = tensors.with_context(|| format!("{} is no file of weights", path.display()))?;
    if tensors.is_empty() {
        bail!("{} holds no tensors", path.display());
    }
    Ok(tensors)
}

#[derive(Deserialize)]
struct Header {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

fn safetensors(file: &Rc<TensorFile>) -> Result<Tensors> {
    let unknown = "expected a safetensors file or one written by torch.save";
    let length = file.read(0, 8).context(unknown)?;
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    // The format's own limit.
    if length > 100_000_000 {
        bail!(unknown);
    }
    let header = file.read(8, length as usize).context(unknown)?;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&header).context(unknown)?;
    let mut tensors = Tensors::new();
    for (name, entry) in header {
        if name == "__metadata__" {
            continue;
        }
        let entry: Header = serde_json::from_value(entry).with_context(|| format!("`{name}`"))?;
        let format = match entry.dtype.as_str() {
            "F16" => Format::F16,
            "BF16" => Format::Bf16,
            "F32" => Format::F32,
            "F64" => Format::F64,
            "I64" | "U64" => Format::Other(8),
            "I32" | "U32" => Format::Other(4),
            "I16" | "U16" => Format::Other(2),
            "I8" | "U8" | "BOOL" => Format::Other(1),
            other => bail!("`{name}` has the number format {other}, which is not supported"),
        };
        let bytes = (entry.data_offsets).map(|offset| offset.saturating_add(8 + length));
        let stored = Stored::new(file, bytes, format, entry.shape, None);
        tensors.insert(name.clone(), stored.with_context(|| format!("`{name}`"))?);
    }
    Ok(tensors)
}
