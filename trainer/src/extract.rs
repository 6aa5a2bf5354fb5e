//! Embeddings of a folder.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::device::DeviceArgs;
use crate::embedder::Embedder;
use crate::files;

/// `trainer extract`.
#[derive(Args)]
pub struct ExtractArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Folder of crops, subfolders too
    #[arg(long)]
    images: PathBuf,
    /// File to write
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Writes `embeddings` `[n, width]`, f32 and L2-normalised; the file
/// names of the rows, one a line, stand in the header's metadata under `images`.
pub fn run(args: &ExtractArgs) -> Result<()> {
    let out = &args.out;
    let paths = files::images_below(&args.images)?;
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let embeddings = embedder.embed(&paths, &files::progress("images", paths.len()))?;
    let bytes: Vec<u8> = embeddings.iter().flat_map(|v| v.to_le_bytes()).collect();
    let names: Vec<String> = (paths.iter())
        .map(|path| files::name_within(&args.images, path))
        .collect();
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
