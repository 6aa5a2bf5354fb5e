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
    let head = (file.read(0, 9).or_else(|_| file.read(0, 4))).unwrap_or_default();
    let tensors = match head.as_slice() {
        // A safetensors file begins with its header's length, whose bytes may be any.
        [_, _, _, _, _, _, _, _, b'{'] => safetensors(&file),
        [b'P', b'K', 3, 4, ..] => torch_file::open(path, &file),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_be_of_any_length() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("any.safetensors");
        let entry = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        // Lengths whose first byte is that of an old PyTorch file or of a zip archive's.
        for length in [0x80, u64::from(b'P')] {
            let header = format!("{entry:<width$}", width = length as usize);
            let bytes = [&length.to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat();
            std::fs::write(&path, bytes)?;
            assert_eq!(open(&path)?.len(), 1);
        }
        Ok(())
    }
}
