//! A model folder of the visitor's.

use dcac_model::reid::EncoderConfig;
use js_sys::Reflect;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Url};

use crate::models::{CONFIG, MANIFEST, WEIGHTS};
use crate::protocol::{Choice, ModelEntry, Size, Tested};

const HELP: &str = "choose a folder written by `trainer export`";

/// Looks at the files of a folder; what an engine would refuse later anyway is refused here,
/// before anything else is given up for it.
pub async fn read(files: &[File]) -> Result<(Choice, ModelEntry), String> {
    let folder = files
        .first()
        .and_then(|file| path(file).split('/').next().map(str::to_string));
    let folder = folder.ok_or_else(|| format!("the folder is empty; {HELP}"))?;
    let find = |name: &str| {
        let own = format!("{folder}/{name}");
        let found = files.iter().find(|file| path(file) == own);
        found.ok_or_else(|| format!("the folder {folder} has no {name}; {HELP}"))
    };
    let (weights, config, manifest) = (find(WEIGHTS)?, find(CONFIG)?, find(MANIFEST)?);
    let sizes: EncoderConfig = json(config).await?;
    (sizes.validate()).map_err(|error| format!("{}: {error}; {HELP}", path(config)))?;
    let told: Value = json(manifest).await?;
    let promised = (told["files"][WEIGHTS]["bytes"].as_u64())
        .ok_or_else(|| format!("{} does not list {WEIGHTS}; {HELP}", path(manifest)))?;
    let found = weights.size() as u64;
    if found != promised {
        return Err(format!(
            "{} has {found} bytes, {MANIFEST} promises {promised}; it is another model's or was \
             not copied to its end: copy the folder again",
            path(weights)
        ));
    }
    let address = |file: &File, name: &str| {
        let url = Url::create_object_url_with_blob(file)
            .map_err(|error| format!("{} cannot be read: {error:?}", path(file)))?;
        Ok::<_, String>((name.to_string(), url))
    };
    let addresses = files.iter().filter_map(|file| {
        // Whatever lies in it beside: exports may hold more than an engine needs.
        let name = path(file).strip_prefix(&format!("{folder}/"))?.to_string();
        (!name.contains('/')).then(|| address(file, &name))
    });
    let addresses: Vec<_> = addresses.collect::<Result<_, _>>()?;
    let entry = describe(&folder, found, &told, &sizes);
    Ok((Choice::Local(folder, addresses), entry))
}

/// A file's path from the folder that was chosen, that folder's name first.
fn path(file: &File) -> String {
    let relative = Reflect::get(file, &"webkitRelativePath".into());
    let relative = relative.ok().and_then(|path| path.as_string());
    let relative = relative.filter(|path| !path.is_empty());
    relative.unwrap_or_else(|| file.name())
}

async fn json<T: DeserializeOwned>(file: &File) -> Result<T, String> {
    let text = JsFuture::from(file.text()).await;
    let text = text.ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| format!("{} cannot be read; {HELP}", path(file)))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{} is not what it should be: {error}; {HELP}", path(file)))
}

/// A line of the panel, as the site's list has it for its own models.
fn describe(folder: &str, bytes: u64, manifest: &Value, config: &EncoderConfig) -> ModelEntry {
    let told = &manifest["provenance"];
    let text = |value: &Value| value.as_str().map(str::to_string);
    let last = |path: &Value| {
        let path = path.as_str()?.trim_end_matches('/');
        path.rsplit('/').next().map(str::to_string)
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let tested = |report: &Value| {
        Some(Tested {
            set: last(&report["folder"]).or(last(&report["dataset"]))?,
            rank1: report["rank1"].as_f64()?,
            map: report["map"].as_f64()?,
        })
    };
    ModelEntry {
        name: folder.to_string(),
        title: text(&manifest["title"]).unwrap_or_else(|| folder.to_string()),
        bytes,
        dtype: text(&manifest["dtype"]).unwrap_or_default(),
        input: Some(Size {
            height: config.vit.height,
            width: config.vit.width,
        }),
        method: text(&told["method"]),
        sources: list(&told["sources"]).iter().filter_map(last).collect(),
        images: told["images"].as_u64(),
        identities: told["identities"].as_u64(),
        metrics: list(&manifest["metrics"])
            .iter()
            .filter_map(tested)
            .collect(),
    }
}
