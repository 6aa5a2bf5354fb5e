//! The list of models by which the page finds and describes them.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::assets::DEMO;
use crate::files;

const WEIGHTS: &str = "model.safetensors";

/// Models of a folder by name, the demo's last: the page opens with the first.
pub fn describe(folder: &Path) -> Result<Vec<Value>> {
    let mut models = Vec::new();
    for path in files::entries(folder)? {
        if let Ok(weights) = fs::metadata(path.join(WEIGHTS)) {
            models.push(entry(&path, weights.len())?);
        }
    }
    models.sort_by_key(|model| model["name"] == DEMO);
    Ok(models)
}

/// What a model's files say of it; what they do not say is left out.
fn entry(folder: &Path, bytes: u64) -> Result<Value> {
    let name = files::name(folder);
    let manifest = files::read_json(&folder.join("manifest.json"))?;
    let config = files::read_json(&folder.join("config.json"))?;
    let title = manifest["title"].as_str().unwrap_or(&name);
    let provenance = &manifest["provenance"];
    let input = &config["preprocess"];
    let sources = provenance["sources"].as_array();
    let sources = sources.map(|sources| sources.iter().filter_map(last_part).collect::<Vec<_>>());
    let reports = manifest["metrics"].as_array();
    let facts = [
        ("name", json!(name)),
        ("title", json!(title)),
        ("bytes", json!(bytes)),
        ("sha256", manifest["files"][WEIGHTS]["sha256"].clone()),
        ("dtype", manifest["dtype"].clone()),
        ("input", some(input, &["height", "width"])),
        ("method", provenance["method"].clone()),
        ("sources", json!(sources)),
        ("images", provenance["images"].clone()),
        ("identities", provenance["identities"].clone()),
        (
            "metrics",
            json!(reports.map(|reports| reports.iter().filter_map(figures).collect::<Vec<_>>())),
        ),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_null());
    Ok(facts
        .map(|(key, value)| (key.to_string(), value))
        .collect::<Map<_, _>>()
        .into())
}

/// The figures of one test set.
fn figures(report: &Value) -> Option<Value> {
    let set = last_part(&report["folder"]).or(last_part(&report["dataset"]))?;
    let (rank1, map) = (report["rank1"].as_f64()?, report["map"].as_f64()?);
    Some(json!({ "set": set, "rank1": rank1, "map": map }))
}

/// The last part of a path: where data lay on another machine is nobody's business.
fn last_part(path: &Value) -> Option<&str> {
    path.as_str()?.trim_end_matches('/').rsplit('/').next()
}

/// Some keys of an object; null where one is missing.
fn some(object: &Value, keys: &[&str]) -> Value {
    let found = keys.iter().map(|key| match &object[*key] {
        Value::Null => None,
        value => Some((key.to_string(), value.clone())),
    });
    found.collect::<Option<Map<_, _>>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(folder: &Path, name: &str, manifest: Value, config: Value) {
        let folder = folder.join(name);
        files::write(&folder.join(WEIGHTS), "twelve bytes").unwrap();
        files::write_json(&folder.join("manifest.json"), &manifest).unwrap();
        files::write_json(&folder.join("config.json"), &config).unwrap();
    }

    #[test]
    fn a_model_is_described_by_what_its_files_say() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = json!({
            "title": "The demo",
            "dtype": "f16",
            "files": { WEIGHTS: { "bytes": 12, "sha256": "abc" } },
            "provenance": {
                "method": "DCAC", "seed": 1, "images": 960, "identities": 80,
                "sources": ["data/plaza", "data/park/"],
            },
            "metrics": [
                { "folder": "data/mall", "dataset": "market1501", "rank1": 0.25, "map": 0.2, "cmc": [0.25] },
                { "dataset": "msmt17", "rank1": 0.5, "map": 0.4 },
                { "folder": "data/unfinished", "rank1": 0.5 },
            ],
        });
        let config = json!({ "preprocess": { "height": 96, "width": 48, "resize": "bicubic" } });
        model(folder.path(), DEMO, manifest, config);
        model(folder.path(), "shipped", json!({}), json!({}));
        files::write(&folder.path().join("index.json"), "old").unwrap();
        assert_eq!(
            describe(folder.path()).unwrap(),
            [
                json!({ "name": "shipped", "title": "shipped", "bytes": 12 }),
                json!({
                    "name": DEMO, "title": "The demo", "bytes": 12, "sha256": "abc", "dtype": "f16",
                    "input": { "height": 96, "width": 48 },
                    "method": "DCAC", "sources": ["plaza", "park"], "images": 960, "identities": 80,
                    "metrics": [
                        { "set": "mall", "rank1": 0.25, "map": 0.2 },
                        { "set": "msmt17", "rank1": 0.5, "map": 0.4 },
                    ],
                }),
            ]
        );
    }
}
