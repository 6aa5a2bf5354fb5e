//! Model folders: `model.safetensors` or `model.onnx`, `config.json`, `manifest.json`, and the
//! classifier if it was asked for.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use clap::ValueEnum;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::retrieval::Calibration;
use dcac_model::weights::Precision;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{files, onnx};

/// The weights' file.
pub const WEIGHTS: &str = "model.safetensors";
/// The file for other programs.
const ONNX: &str = "model.onnx";
/// The architecture's file.
const CONFIG: &str = "config.json";
/// The site's file.
pub const MANIFEST: &str = "manifest.json";
/// The manifest's list of files.
const FILES: &str = "files";

/// What an encoder is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Weights by timm's names: what this program, the site and timm read
    Safetensors,
    /// The whole computation, for ONNX Runtime and other engines
    Onnx,
}

/// Writes an encoder into a folder that exists, with `facts` in its manifest beside those of
/// the file. Returns the bytes of that.
pub fn write<B: Backend>(
    folder: &Path,
    encoder: &ReidEncoder<B>,
    config: &EncoderConfig,
    format: Format,
    precision: Precision,
    facts: Map<String, Value>,
) -> Result<u64> {
    let name = match format {
        Format::Safetensors => WEIGHTS,
        Format::Onnx => ONNX,
    };
    let path = folder.join(name);
    match format {
        Format::Safetensors => files::write(&path, &encoder.save(precision)?)?,
        Format::Onnx => onnx::write(&path, encoder, config, precision)?,
    }
    let bytes = length(&path)?;
    let mut manifest = Map::new();
    manifest.insert(FILES.into(), json!({ name: promised(&path)? }));
    manifest.insert("dtype".into(), json!(precision));
    // A converted model's facts include those of the file that it was.
    for (key, value) in facts {
        manifest.entry(key).or_insert(value);
    }
    files::write_json(&folder.join(CONFIG), config)?;
    files::write_json(&folder.join(MANIFEST), &manifest)?;
    Ok(bytes)
}

fn length(path: &Path) -> Result<u64> {
    let found = path.metadata();
    let found = found.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(found.len())
}

/// What a manifest says of a file, so that whoever fetches it can check it.
fn promised(path: &Path) -> Result<Value> {
    Ok(json!({ "bytes": length(path)?, "sha256": files::sha256(path)? }))
}

/// Lists further files of a model folder in its manifest.
pub fn promise(folder: &Path, names: &[&str]) -> Result<()> {
    let mut listed = match read_facts(folder)?.remove(FILES) {
        Some(Value::Object(listed)) => listed,
        _ => Map::new(),
    };
    for &name in names {
        listed.insert(name.to_string(), promised(&folder.join(name))?);
    }
    add_to_manifest(folder, FILES, &listed)
}

/// What a manifest says of figures and origin.
pub fn facts(metrics: Value, provenance: Value) -> Map<String, Value> {
    let facts = [("metrics", metrics), ("provenance", provenance)];
    (facts.into_iter())
        .map(|(key, value)| (key.to_string(), value))
        .collect()
}

/// What the manifest of a model folder says; nothing if there is none.
pub fn read_facts(folder: &Path) -> Result<Map<String, Value>> {
    let path = folder.join(MANIFEST);
    if !path.is_file() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&files::read(&path)?)
        .with_context(|| format!("{} is not the manifest of a model", path.display()))
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
    if folder.join(ONNX).is_file() && !folder.join(WEIGHTS).is_file() {
        bail!(
            "{} holds an encoder for other programs, {ONNX}; name the folder that it was made of, with {WEIGHTS}",
            folder.display()
        );
    }
    let bytes = files::read(&folder.join(WEIGHTS))?;
    Ok((config, bytes))
}

/// What tells embeddings of a model folder from those of other models.
pub fn mark(folder: &Path) -> Result<String> {
    let (config, weights) = read(folder)?;
    Ok(config.mark(&files::hex(&Sha256::digest(weights))))
}

/// Adds an entry to the manifest of a model folder, or replaces it; nothing else changes.
pub fn add_to_manifest(folder: &Path, key: &str, value: &impl serde::Serialize) -> Result<()> {
    let mut facts = read_facts(folder)?;
    facts.insert(key.to_string(), serde_json::to_value(value)?);
    files::write_json(&folder.join(MANIFEST), &facts)
}

/// The manifest's entry of what scores mean, of embeddings as they are or normalised by camera.
pub fn calibration_key(normalized: bool) -> &'static str {
    match normalized {
        true => "calibration_normalized",
        false => "calibration",
    }
}

/// What scores of a model mean, where that was found out.
pub fn calibration(folder: &Path, normalized: bool) -> Result<Option<Calibration>> {
    let key = calibration_key(normalized);
    match read_facts(folder)?.remove(key) {
        None => Ok(None),
        Some(entry) => serde_json::from_value(entry).map(Some).with_context(|| {
            let path = folder.join(MANIFEST);
            format!(
                "{}: `{key}` is not what `trainer evaluate --calibrate` writes",
                path.display()
            )
        }),
    }
}
