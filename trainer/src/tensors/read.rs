//! Safetensors files, of which only the header is read at first.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::stored::{Format, Stored, TensorFile};

/// The tensors of one or several files by name.
pub type Tensors = BTreeMap<String, Stored>;

#[derive(Deserialize)]
struct Header {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Where the tensors of a safetensors file lie.
pub fn safetensors(file: &Rc<TensorFile>) -> Result<Tensors> {
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
