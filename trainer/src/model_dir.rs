//! Model folders: `model.safetensors`, `config.json`, `manifest.json`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::files;

/// The weights' file.
pub const WEIGHTS: &str = "model.safetensors";
/// The architecture's file.
const CONFIG: &str = "config.json";
/// The site's file.
const MANIFEST: &str = "manifest.json";

/// Writes an encoder into a folder that exists. Returns the bytes of its weights.
pub fn write<B: Backend>(
    folder: &Path,
    encoder: &ReidEncoder<B>,
    config: &EncoderConfig,
    precision: Precision,
    metrics: &Value,
    provenance: &Value,
) -> Result<usize> {
    let weights = encoder.save(precision)?;
    let digest = files::hex(&Sha256::digest(&weights));
    let manifest = json!({
        "files": { WEIGHTS: { "bytes": weights.len(), "sha256": digest } },
        "dtype": precision,
        "metrics": metrics,
        "provenance": provenance,
    });
    files::write(&folder.join(WEIGHTS), &weights)?;
    files::write_json(&folder.join(CONFIG), config)?;
    files::write_json(&folder.join(MANIFEST), &manifest)?;
    Ok(weights.len())
}

/// Reads `--dtype`.
pub fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f16" => Ok(Precision::F16),
        "f32" => Ok(Precision::F32),
        other => Err(format!("`{other}` is no number format; choose f16 or f32")),
    }
}

/// The description and the weights of a model folder.
pub fn read(folder: &Path) -> Result<(EncoderConfig, Vec<u8>)> {
    if !folder.join(CONFIG).is_file() {
        if folder.join("checkpoints").is_dir() {
            bail!(
                "{} is a run, not a model; export it first: trainer export --run {} --out MODEL_DIR",
                folder.display(),
                folder.display()
            );
        }
        bail!(
            "{} is no model folder: it has no {CONFIG}; name a folder written by `trainer export`",
            folder.display()
        );
    }
    let path = folder.join(CONFIG);
    let config: EncoderConfig = serde_json::from_slice(&files::read(&path)?)
        .with_context(|| format!("{} is not the description of a model", path.display()))?;
    if config.version != EncoderConfig::VERSION {
        bail!(
            "{} has format version {}, this program reads version {}; export the model again",
            path.display(),
            config.version,
            EncoderConfig::VERSION
        );
    }
    let bytes = files::read(&folder.join(WEIGHTS))?;
    Ok((config, bytes))
}
