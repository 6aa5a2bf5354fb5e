//! The sample gallery that the site ships.

use gloo::net::http::Request;
use serde::Deserialize;
use web_sys::{RequestCache, Url};

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
    let absolute = |path: &str| {
        Url::new_with_base(path, base)
            .map(|url| url.href())
            .map_err(|_| format!("{path} is no address below {base}"))
    };
    let response = Request::get(&absolute(INDEX)?)
        .cache(RequestCache::NoCache)
        .send()
        .await
        .map_err(|error| format!("{INDEX} cannot be fetched: {error}"))?;
    if !response.ok() {
        return Err(format!("{INDEX} is missing (HTTP {})", response.status()));
    }
    let samples: Samples = (response.json().await)
        .map_err(|error| format!("{INDEX} is no list of sample pictures: {error}"))?;
    (samples.images.iter())
        .map(|name| Ok(Picture::at(&absolute(&format!("samples/{name}"))?, name)))
        .collect()
}
