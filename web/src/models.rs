//! The site's models: their list, and the files of a model's folder.

use serde::Deserialize;

use crate::fetch::{self, resolve};
use crate::protocol::ModelEntry;

/// The list of models.
pub const INDEX: &str = "models/index.json";
/// Weights of a model.
pub const WEIGHTS: &str = "model.safetensors";
/// Sizes and preprocessing of a model.
pub const CONFIG: &str = "config.json";
/// What a model's files are, and where it comes from.
pub const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
struct Index {
    models: Vec<ModelEntry>,
}

/// The models of the site whose folder is `base`.
pub async fn list(base: &str) -> Result<Vec<ModelEntry>, String> {
    let index: Index = fetch::json(&resolve(base, INDEX)?, INDEX).await?;
    Ok(index.models)
}

/// Address of the folder of the model with a name.
pub fn folder(base: &str, name: &str) -> Result<String, String> {
    resolve(base, &format!("models/{name}/"))
}
