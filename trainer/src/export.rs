//! A trained encoder as a model folder.

use std::path::Path;

use anyhow::Result;
use burn::backend::Flex;
use dcac_model::weights::Precision;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::files::{self, NewFolder};
use crate::model_dir::{CONFIG, MANIFEST, WEIGHTS};
use crate::train::{Checkpoint, evaluation_path};

/// `trainer export`.
pub fn run(run: &Path, out: &Path, precision: Precision) -> Result<()> {
    files::require_new(out)?;
    let (state, config, model) = Checkpoint::read::<Flex>(run, &Default::default())?;
    let weights = model.encoder.save(precision)?;
    let digest: String = (Sha256::digest(&weights).iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let figures = evaluation_path(run);
    let metrics: serde_json::Value = if figures.is_file() {
        serde_json::from_slice(&files::read(&figures)?)?
    } else {
        json!([])
    };
    let manifest = json!({
        "files": { WEIGHTS: { "bytes": weights.len(), "sha256": digest } },
        "dtype": precision,
        "metrics": metrics,
        "provenance": {
            "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
            "method": if config.model.diffusion.is_some() { "DCAC" } else { "baseline" },
            "seed": config.seed,
            "epochs": state.epoch,
            "steps": state.step,
            "identities": state.identities,
            "images": state.images,
            "sources": state.sources,
        },
    });
    let folder = NewFolder::create(out)?;
    files::write(&folder.draft().join(WEIGHTS), &weights)?;
    files::write_json(&folder.draft().join(CONFIG), &config.model.encoder)?;
    files::write_json(&folder.draft().join(MANIFEST), &manifest)?;
    folder.publish()?;
    println!("{} bytes of weights\n{}", weights.len(), out.display());
    Ok(())
}
