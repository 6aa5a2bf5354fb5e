//! From an address to an encoder's input.

use dcac_model::image::{Preprocess, decode};
use gloo::net::http::Request;

/// Appends the `[3, height, width]` numbers of the picture at an address.
pub async fn read(url: &str, preprocess: &Preprocess, pixels: &mut Vec<f32>) -> Result<(), String> {
    let image = decode(&bytes(url).await?).map_err(|error| error.to_string())?;
    let start = pixels.len();
    pixels.resize(start + preprocess.len(), 0.0);
    preprocess.apply(&image, &mut pixels[start..]);
    Ok(())
}

async fn bytes(url: &str) -> Result<Vec<u8>, String> {
    let response = Request::get(url).send().await;
    let response = response.map_err(|error| format!("the file cannot be fetched: {error}"))?;
    if !response.ok() {
        return Err(format!("the file is missing (HTTP {})", response.status()));
    }
    let bytes = response.binary().await;
    bytes.map_err(|error| format!("the file cannot be read: {error}"))
}
