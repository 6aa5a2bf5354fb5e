//! Embeddings of a folder.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::device::DeviceChoice;
use crate::files;
use crate::model_dir::Embedder;

/// `trainer extract`: `embeddings` `[n, width]`, f32 and L2-normalised; the file
/// names of the rows, one a line, stand in the header's metadata under `images`.
pub fn run(model: &Path, images: &Path, out: &Path, device: DeviceChoice) -> Result<()> {
    let paths = files::images(images)?;
    let embedder = Embedder::open(model, device)?;
    let embeddings = embedder.embed_watched("images", &paths)?;
    let bytes: Vec<u8> = embeddings.iter().flat_map(|v| v.to_le_bytes()).collect();
    let names: Vec<String> = paths.iter().map(|path| files::name(path)).collect();
    let shape = vec![paths.len(), embedder.width];
    let failed = || format!("cannot write {}", out.display());
    let view = TensorView::new(Dtype::F32, shape, &bytes).with_context(failed)?;
    let metadata = HashMap::from([("images".to_string(), names.join("\n"))]);
    let file =
        safetensors::serialize([("embeddings", view)], Some(metadata)).with_context(failed)?;
    files::write(out, &file)?;
    println!(
        "{} embeddings of {} numbers\n{}",
        paths.len(),
        embedder.width,
        out.display()
    );
    Ok(())
}
