//! Model folders: `model.safetensors`, `config.json`, `manifest.json`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::retrieval::Calibration;
use dcac_model::weights::Precision;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::files;

/// The weights' file.
pub const WEIGHTS: &str = "model.safetensors";
/// The architecture's file.
const CONFIG: &str = "config.json";
/// The site's file.
pub const MANIFEST: &str = "manifest.json";

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

/// Adds an entry to the manifest of a model folder, or replaces it; nothing else changes.
pub fn add_to_manifest(folder: &Path, key: &str, value: &impl serde::Serialize) -> Result<()> {
    let mut manifest = manifest(folder)?;
    manifest[key] = serde_json::to_value(value)?;
    files::write_json(&folder.join(MANIFEST), &manifest)
}

/// What scores of a model mean, where that was found out.
pub fn calibration(folder: &Path) -> Result<Option<Calibration>> {
    match manifest(folder)?.get("calibration") {
        None => Ok(None),
        Some(entry) => serde_json::from_value(entry.clone())
            .map(Some)
            .with_context(|| {
                let path = folder.join(MANIFEST);
                format!(
                    "{}: `calibration` is not what `trainer evaluate --calibrate` writes",
                    path.display()
                )
            }),
    }
}

fn manifest(folder: &Path) -> Result<Value> {
    let path = folder.join(MANIFEST);
    let wrong = || format!("{} is not the manifest of a model", path.display());
    let manifest: Value = serde_json::from_slice(&files::read(&path)?).with_context(wrong)?;
    match manifest.is_object() {
        true => Ok(manifest),
        false => bail!(wrong()),
    }
}
