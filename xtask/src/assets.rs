//! What both builds of the site, Trunk's and this program's, need besides the compiled program:
//! the script that starts it, and the lists by which the page finds models and samples.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::{files, paths};

/// The demo's model, and its folder's name.
pub const DEMO: &str = "demo";

/// Contents of `boot.js`.
const BOOT_SCRIPT: &str = "\
import init from './dcac-web.js';
await init({ module_or_path: new URL('./dcac-web_bg.wasm', import.meta.url) });
";

/// Adds the script and what a demo has made to the site in `dist`, then writes the lists.
pub fn add(dist: &Path) -> Result<()> {
    files::write(&dist.join("boot.js"), BOOT_SCRIPT)?;
    let made = paths::demo_site();
    files::copy_folder(&made.join("models"), &dist.join("models"))?;
    if images(&dist.join("samples"))?.is_empty() {
        files::copy_folder(&made.join("samples"), &dist.join("samples"))?;
    }
    write_lists(dist)
}

/// Writes `models/index.json` and `samples/index.json` of what is there.
pub fn write_lists(dist: &Path) -> Result<()> {
    let (models, samples) = (dist.join("models"), dist.join("samples"));
    let lists = [
        (&models, json!({ "models": describe(&models)? })),
        (&samples, json!({ "images": images(&samples)? })),
    ];
    for (folder, list) in lists {
        files::write_json(&folder.join("index.json"), &list)?;
    }
    Ok(())
}

/// Models by name, the demo's first because the page opens with the first.
fn describe(folder: &Path) -> Result<Vec<Value>> {
    let mut models = Vec::new();
    for path in files::entries(folder)? {
        let Ok(weights) = fs::metadata(path.join("model.safetensors")) else {
            continue;
        };
        let name = files::name(&path);
        let manifest = files::read_json(&path.join("manifest.json"))?;
        let title = manifest["title"].as_str().unwrap_or(&name);
        models.push(json!({ "name": name, "title": title, "bytes": weights.len() }));
    }
    models.sort_by_key(|model| model["name"] != DEMO);
    Ok(models)
}

/// Names of the pictures in a folder; none where there is no folder.
pub fn images(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = (files::entries(folder)?.iter())
        .map(|path| files::name(path))
        .collect();
    names.retain(|name| {
        let kind = mime_guess::from_path(name).first();
        kind.is_some_and(|kind| kind.type_() == "image")
    });
    Ok(names)
}
