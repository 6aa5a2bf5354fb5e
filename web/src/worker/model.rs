//! Finding and loading a model folder of the site.

use std::collections::HashMap;

use dcac_model::reid::EncoderConfig;
use dcac_model::retrieval::Calibration;
use serde::Deserialize;
use serde_json::Value;

use super::adapter;
use super::encoder::Encoder;
use super::fetch::{self, Promise};
use super::protocol::{Backend, ModelCard, ModelEntry, Start, Started};

const INDEX: &str = "models/index.json";
const WEIGHTS: &str = "model.safetensors";

#[derive(Deserialize)]
struct Index {
    models: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct Manifest {
    files: HashMap<String, Promise>,
    dtype: String,
    #[serde(default)]
    metrics: Value,
    #[serde(default)]
    provenance: Value,
    calibration: Option<Calibration>,
}

/// Loads what `start` asks for. `arrived` hears bytes so far and in all.
pub async fn load(
    start: &Start,
    arrived: impl Fn(u64, u64),
) -> Result<(EncoderConfig, Encoder, Started), String> {
    let base = start.base.as_str();
    let index: Index = fetch::json(base, INDEX).await.map_err(|error| {
        format!("this site has no model: {error}. Put one there with `cargo xtask demo`")
    })?;
    let entry = choose(&index.models, start.model.as_deref())?;
    let folder = format!("models/{}", entry.name);
    let manifest: Manifest = fetch::json(base, &format!("{folder}/manifest.json")).await?;
    let config: EncoderConfig = fetch::json(base, &format!("{folder}/config.json")).await?;
    if config.version != EncoderConfig::VERSION {
        return Err(format!(
            "{folder}/config.json has format version {}, this site reads version {}; export the model again",
            config.version,
            EncoderConfig::VERSION
        ));
    }
    let promise = (manifest.files.get(WEIGHTS))
        .ok_or_else(|| format!("{folder}/manifest.json does not list {WEIGHTS}"))?;
    let path = format!("{folder}/{WEIGHTS}");
    let total = promise.bytes;
    let weights = fetch::checked(base, &path, promise, |bytes| arrived(bytes, total)).await?;
    let (engine, notice, gpu) = engine(start.backend).await;
    let encoder = match gpu {
        true => Encoder::on_gpu(&config, weights).await,
        false => Encoder::on_cpu(&config, weights),
    }
    .map_err(|error| format!("{path} cannot be used: {error}"))?;
    let started = Started {
        engine,
        notice,
        model: ModelCard {
            name: entry.name.clone(),
            title: entry.title.clone(),
            facts: facts(&manifest, &config, total),
            calibration: manifest.calibration,
        },
        models: index.models,
    };
    Ok((config, encoder, started))
}

fn choose<'a>(models: &'a [ModelEntry], name: Option<&str>) -> Result<&'a ModelEntry, String> {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let found = match name {
        Some(name) => models.iter().find(|model| model.name == name),
        None => models.first(),
    };
    found.ok_or_else(|| match name {
        Some(name) if !names.is_empty() => format!(
            "this site has no model named {name}; it has {}",
            names.join(", ")
        ),
        _ => format!("{INDEX} lists no model; put one there with `cargo xtask demo`"),
    })
}

/// The engine in words, a notice, and whether it is the GPU.
async fn engine(backend: Backend) -> (String, Option<String>, bool) {
    let cpu = || "CPU (SIMD)".to_string();
    if backend == Backend::Cpu {
        return (cpu(), None, false);
    }
    match adapter::find().await {
        Some(adapter) if backend == Backend::WebGpu || !adapter.software => {
            let name = match adapter.name.as_str() {
                "" => "WebGPU".to_string(),
                name => format!("WebGPU ({name})"),
            };
            (name, None, true)
        }
        // The imitation of a GPU is many times slower than the CPU itself.
        Some(_) => (cpu(), None, false),
        None if backend == Backend::WebGpu => {
            let notice = "This browser offers no WebGPU adapter, so the CPU computes instead.";
            (cpu(), Some(notice.to_string()), false)
        }
        None => (cpu(), None, false),
    }
}

/// What the page tells about a model. Whatever the manifest lacks is left out.
fn facts(manifest: &Manifest, config: &EncoderConfig, bytes: u64) -> Vec<(String, String)> {
    let vit = &config.vit;
    let mut facts = vec![(
        "Encoder".to_string(),
        format!(
            "vision transformer, {} blocks of width {}, input {} × {} pixels",
            vit.depth, vit.dim, vit.width, vit.height
        ),
    )];
    let mut add = |what: &str, value: String| facts.push((what.to_string(), value));
    add(
        "Weights",
        format!("{:.1} MB, {}", bytes as f64 / 1e6, manifest.dtype),
    );
    let told = |key: &str| &manifest.provenance[key];
    if let Some(method) = told("method").as_str() {
        add("Training", method.to_string());
    }
    if let (Some(images), Some(people)) = (told("images").as_u64(), told("identities").as_u64()) {
        add("Trained on", format!("{images} images of {people} people"));
    }
    for report in manifest.metrics.as_array().into_iter().flatten() {
        let percent = |key: &str| report[key].as_f64().map(|share| 100.0 * share);
        let (Some(rank1), Some(map)) = (percent("rank1"), percent("map")) else {
            continue;
        };
        let chance = match (percent("chance_rank1"), percent("chance_map")) {
            (Some(rank1), Some(map)) => format!(" (by chance {rank1:.1} % and {map:.1} %)"),
            _ => String::new(),
        };
        let set = report["folder"].as_str().or(report["dataset"].as_str());
        let set = set
            .and_then(|path| path.rsplit('/').next())
            .unwrap_or("a test set");
        add(
            &format!("Tested on {set}"),
            format!("Rank-1 {rank1:.1} %, mAP {map:.1} %{chance}"),
        );
    }
    facts
}
