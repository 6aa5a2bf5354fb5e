//! Model folders: `model.safetensors`, `config.json`, `manifest.json`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use dcac_model::image::Preprocess;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::data::plain;
use crate::device::{DeviceChoice, Job, dispatch};
use crate::files;

/// The weights' file.
const WEIGHTS: &str = "model.safetensors";
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

/// Images per forward at inference.
const BATCH: usize = 32;

/// Normalised pixels of a number of images to their embeddings, both row-major.
type Forward = dyn Fn(Vec<f32>, usize) -> Result<Vec<f32>>;

/// Anything that turns image files into embeddings, whatever its backend.
pub struct Embedder {
    forward: Box<Forward>,
    preprocess: Preprocess,
    /// Width of an embedding.
    pub width: usize,
}

impl Embedder {
    /// Opens an exported model.
    pub fn open(folder: &Path, device: DeviceChoice) -> Result<Self> {
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
        let weights = folder.join(WEIGHTS);
        let bytes = files::read(&weights)?;
        dispatch(device, Open { config, bytes })
            .with_context(|| format!("cannot load {}", weights.display()))
    }

    /// The embedder of an encoder in memory.
    pub fn new<B: Backend>(
        encoder: ReidEncoder<B>,
        config: &EncoderConfig,
        device: &B::Device,
    ) -> Self {
        let device = device.clone();
        let (height, width) = (config.preprocess.height, config.preprocess.width);
        Self {
            forward: Box::new(move |pixels, count| {
                let data = TensorData::new(pixels, [count, 3, height, width]);
                let images = Tensor::<B, 4>::from_data(data, &device);
                encoder
                    .embed(images)
                    .into_data()
                    .convert::<f32>()
                    .into_vec()
                    .map_err(|error| anyhow::anyhow!("cannot read the embeddings: {error:?}"))
            }),
            preprocess: config.preprocess.clone(),
            width: config.vit.embedding,
        }
    }

    /// L2-normalised embeddings of files, row-major. `done` hears of every batch.
    pub fn embed(&self, paths: &[PathBuf], done: &dyn Fn(usize)) -> Result<Vec<f32>> {
        let mut embeddings = Vec::with_capacity(paths.len() * self.width);
        for batch in paths.chunks(BATCH) {
            let pixels = plain(batch, &self.preprocess)?;
            embeddings.extend((self.forward)(pixels, batch.len())?);
            done(batch.len());
        }
        if embeddings.iter().any(|value| !value.is_finite()) {
            bail!("the model gives embeddings that are not finite; its weights are broken");
        }
        Ok(embeddings)
    }

    /// [`Self::embed`] under a progress bar.
    pub fn embed_watched(&self, what: &str, paths: &[PathBuf]) -> Result<Vec<f32>> {
        let bar = files::progress(what, paths.len());
        let embeddings = self.embed(paths, &|count| bar.inc(count as u64));
        bar.finish_and_clear();
        embeddings
    }
}

struct Open {
    config: EncoderConfig,
    bytes: Vec<u8>,
}

impl Job for Open {
    type Output = Embedder;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Embedder>
    where
        B::Device: 'static,
    {
        let encoder = ReidEncoder::<B::InnerBackend>::load(&self.config, self.bytes, device)?;
        Ok(Embedder::new(encoder, &self.config, device))
    }
}
