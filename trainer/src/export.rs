//! A trained encoder as a model folder.

use std::path::PathBuf;

use anyhow::Result;
use burn::backend::Flex;
use clap::Args;
use dcac_model::weights::Precision;
use serde_json::json;

use crate::files::{self, NewFolder};
use crate::model_dir;
use crate::train::{Checkpoint, Which, evaluation_at};

/// `trainer export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Folder written by `trainer train`
    #[arg(long)]
    run: PathBuf,
    /// Folder to create
    #[arg(long)]
    out: PathBuf,
    /// last, best (of those evaluated while training) or step-N
    #[arg(long, default_value = "last")]
    checkpoint: Which,
    /// f16 or f32
    #[arg(long, default_value = "f32", value_parser = model_dir::precision)]
    dtype: Precision,
}

/// Writes the encoder of a run as a model folder.
pub fn run(args: &ExportArgs) -> Result<()> {
    let (run, out) = (&args.run, &args.out);
    files::require_new(out)?;
    let (state, config, model) =
        Checkpoint::read::<Flex>(run, &args.checkpoint, &Default::default())?;
    let metrics = evaluation_at(run, state.step)?;
    let provenance = json!({
        "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
        "method": if config.model.diffusion.is_some() { "DCAC" } else { "baseline" },
        "seed": config.seed,
        "epochs": state.epoch,
        "steps": state.step,
        "identities": state.identities,
        "images": state.images,
        "sources": state.sources,
    });
    let folder = NewFolder::create(out)?;
    let bytes = model_dir::write(
        folder.draft(),
        &model.encoder,
        &config.model.encoder,
        args.dtype,
        &metrics,
        &provenance,
    )?;
    folder.publish()?;
    println!("{bytes} bytes of weights\n{}", out.display());
    Ok(())
}
