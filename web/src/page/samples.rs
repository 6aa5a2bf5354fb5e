//! The sample gallery that the site ships.

use serde::Deserialize;

use crate::fetch::{self, resolve};
use crate::page::picture::Picture;

const INDEX: &str = "samples/index.json";

/// Content of the index.
#[derive(Deserialize)]
struct Samples {
    /// File names beside the index.
    images: Vec<String>,
}

/// The pictures listed in the site's sample index.
pub async fn load(base: &str) -> Result<Vec<Picture>, String> {
    let samples: Samples = fetch::json(&resolve(base, INDEX)?, INDEX).await?;
    (samples.images.iter())
        .map(|name| {
            Ok(Picture::at(
                &resolve(base, &format!("samples/{name}"))?,
                name,
            ))
        })
        .collect()
}
