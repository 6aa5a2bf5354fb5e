//! Finding and loading a model folder, of the site or of the visitor.

use std::collections::HashMap;

use dcac_model::reid::EncoderConfig;
use dcac_model::retrieval::Calibration;
use js_sys::Uint8Array;
use serde::Deserialize;
use serde_json::Value;

use super::classifier::Source;
use super::download::{self, Failure, Promise};
use super::memory;
use crate::fetch::{self, resolve};
use crate::models::{self, CONFIG, INDEX, MANIFEST, WEIGHTS};
use crate::protocol::{Choice, ModelCard, ModelEntry, Start};

const CLASSIFIER: &str = "classifier.safetensors";
const IDENTITIES: &str = "identities.json";

#[derive(Deserialize)]
struct Manifest {
    files: HashMap<String, Promise>,
    dtype: String,
    #[serde(default)]
    metrics: Value,
    #[serde(default)]
    provenance: Value,
    calibration: Option<Calibration>,
    calibration_normalized: Option<Calibration>,
    title: Option<String>,
}

/// A model, ready for encoders.
pub struct Model {
    /// Sizes and preprocessing.
    pub config: EncoderConfig,
    /// Content of its weights' file.
    pub weights: Uint8Array,
    /// What it says about itself.
    pub card: ModelCard,
    /// Where its classifier is, if its folder has one.
    pub classifier: Option<Source>,
}

/// Loads a model for what `start` asks. `arrived` hears bytes so far and in all.
pub async fn load(
    start: &Start,
    list: &Result<Vec<ModelEntry>, String>,
    choice: &Choice,
    arrived: impl Fn(u64, u64),
) -> Result<Model, Failure> {
    let other = Failure::Other;
    let folder = Folder::of(&start.base, list, choice).map_err(other)?;
    let manifest: Manifest = folder.json(MANIFEST).await.map_err(other)?;
    let config: EncoderConfig = folder.json(CONFIG).await.map_err(other)?;
    if config.version != EncoderConfig::VERSION {
        return Err(Failure::Other(format!(
            "{} has format version {}, this site reads version {}; export the model again",
            folder.path(CONFIG),
            config.version,
            EncoderConfig::VERSION
        )));
    }
    (config.validate()).map_err(|error| other(format!("{}: {error}", folder.path(CONFIG))))?;
    let promise = (manifest.files.get(WEIGHTS))
        .ok_or_else(|| other(format!("{} does not list {WEIGHTS}", folder.path(MANIFEST))))?;
    let total = promise.bytes;
    if !memory::suffices(total, start.taken) {
        return Err(Failure::Memory);
    }
    let url = folder.url(WEIGHTS).map_err(other)?;
    let path = folder.path(WEIGHTS);
    let weights = download::checked(&url, &path, promise, |bytes| arrived(bytes, total)).await?;
    let promised = |file: &str| Some((folder.url(file).ok()?, manifest.files.get(file)?.clone()));
    let classifier = (promised(CLASSIFIER).zip(promised(IDENTITIES)))
        .map(|(weights, identities)| Source::new(&folder.name, weights, identities, &config));
    let card = ModelCard {
        title: manifest.title.clone().unwrap_or(folder.name.clone()),
        digest: config.mark(&promise.sha256.to_lowercase()),
        facts: facts(&manifest, &config, total),
        calibration: manifest.calibration,
        calibration_normalized: manifest.calibration_normalized,
        name: folder.name,
    };
    Ok(Model {
        config,
        weights,
        card,
        classifier,
    })
}

/// Where the files of a model are.
struct Folder {
    name: String,
    files: Files,
}

enum Files {
    /// Below this address.
    Site(String),
    /// At these addresses, by name.
    Local(HashMap<String, String>),
}

impl Folder {
    fn of(
        base: &str,
        list: &Result<Vec<ModelEntry>, String>,
        choice: &Choice,
    ) -> Result<Self, String> {
        let wanted = match choice {
            Choice::Local(name, files) => {
                return Ok(Self {
                    name: name.clone(),
                    files: Files::Local(files.iter().cloned().collect()),
                });
            }
            Choice::First => None,
            Choice::Named(name) => Some(name),
        };
        let help = "put one there with `cargo xtask demo`";
        let list =
            (list.as_ref()).map_err(|error| format!("this site has no model: {error}; {help}"))?;
        let found = match wanted {
            Some(name) => list.iter().find(|model| model.name == *name),
            None => list.first(),
        };
        let names: Vec<&str> = list.iter().map(|model| model.name.as_str()).collect();
        let entry = found.ok_or_else(|| match wanted {
            Some(name) if !names.is_empty() => {
                format!(
                    "this site has no model named {name}; it has {}",
                    names.join(", ")
                )
            }
            _ => format!("{INDEX} lists no model; {help}"),
        })?;
        Ok(Self {
            name: entry.name.clone(),
            files: Files::Site(models::folder(base, &entry.name)?),
        })
    }

    /// A file's name for people.
    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    fn url(&self, file: &str) -> Result<String, String> {
        match &self.files {
            Files::Site(base) => resolve(base, file),
            Files::Local(files) => files.get(file).cloned().ok_or_else(|| {
                format!(
                    "the folder {} has no {file}; choose a folder written by `trainer export`",
                    self.name
                )
            }),
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<T, String> {
        fetch::json(&self.url(file)?, &self.path(file)).await
    }
}

/// What the page tells about a model. Whatever the manifest lacks is left out.
fn facts(manifest: &Manifest, config: &EncoderConfig, bytes: u64) -> Vec<(String, String)> {
    let vit = &config.vit;
    let mirrored = match config.flip {
        true => " and its mirror image",
        false => "",
    };
    let mut facts = vec![(
        "Encoder".to_string(),
        format!(
            "vision transformer, {} blocks of width {}, input {} × {} pixels{mirrored}",
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
