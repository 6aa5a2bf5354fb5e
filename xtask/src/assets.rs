//! What both builds of the site, Trunk's and this program's, need besides the compiled programs:
//! what a demo has made, and the lists by which the page finds models and samples and by which
//! the service worker keeps the site.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::{files, models, offline, paths};

/// The demo's model, and its folder's name.
pub const DEMO: &str = "demo";

/// Adds what a demo has made to the site in `dist`, then writes the lists.
pub fn add(dist: &Path) -> Result<()> {
    let made = paths::demo_site();
    files::copy_folder(&made.join("models"), &dist.join("models"))?;
    if images(&dist.join("samples"))?.is_empty() {
        files::copy_folder(&made.join("samples"), &dist.join("samples"))?;
    }
    write_lists(dist)
}

/// Writes `models/index.json` and `samples/index.json` of what is there, and the service
/// worker's list of all that is there then.
pub fn write_lists(dist: &Path) -> Result<()> {
    let (models, samples) = (dist.join("models"), dist.join("samples"));
    let lists = [
        (&models, json!({ "models": models::describe(&models)? })),
        (&samples, json!({ "images": images(&samples)? })),
    ];
    for (folder, list) in lists {
        files::write_json(&folder.join("index.json"), &list)?;
    }
    offline::write(dist)
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
