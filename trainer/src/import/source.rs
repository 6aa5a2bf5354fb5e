//! Weight files of other programs: every tensor by its name there.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::torch_file;
use crate::tensors::{TensorFile, Tensors, safetensors};

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
    let tensors = tensors.with_context(|| {
        format!(
            "{} is no file of weights, or was not fetched whole",
            path.display()
        )
    })?;
    if tensors.is_empty() {
        bail!("{} holds no tensors", path.display());
    }
    Ok(tensors)
}
