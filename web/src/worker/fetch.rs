//! Reading from the site and from the visitor's files.

use gloo::net::http::{Request, Response};
use js_sys::{Reflect, Uint8Array};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, RequestCache, Url};

/// `path` below the page's folder.
pub fn resolve(base: &str, path: &str) -> Result<String, String> {
    Url::new_with_base(path, base)
        .map(|url| url.href())
        .map_err(|_| format!("{path} is no address below {base}"))
}

/// A JSON file of the site, fresh even where the browser has an old one.
pub async fn json<T: DeserializeOwned>(base: &str, path: &str) -> Result<T, String> {
    let request = Request::get(&resolve(base, path)?).cache(RequestCache::NoCache);
    let response = request.send().await;
    let text = accepted(path, response)?
        .text()
        .await
        .map_err(|error| format!("{path} broke off: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path} is not what it should be: {error}"))
}

/// Bytes and digest that a manifest promises of a file.
#[derive(serde::Deserialize)]
pub struct Promise {
    /// Length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A large file of the site, checked against its manifest. `arrived` hears how many
/// bytes there are so far.
pub async fn checked(
    base: &str,
    path: &str,
    promise: &Promise,
    arrived: impl Fn(u64),
) -> Result<Vec<u8>, String> {
    // The digest in the address keeps a cache from giving an older file of that name.
    let url = format!("{}?sha256={}", resolve(base, path)?, promise.sha256);
    let response = accepted(path, Request::get(&url).send().await)?;
    let body = response
        .body()
        .ok_or_else(|| format!("{path} has no content"))?;
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::with_capacity(promise.bytes as usize);
    let mut digest = Sha256::new();
    while let Some(chunk) = next_chunk(&reader)
        .await
        .map_err(|error| format!("{path} broke off: {}", describe(&error)))?
    {
        let start = bytes.len();
        bytes.resize(start + chunk.length() as usize, 0);
        chunk.copy_to(&mut bytes[start..]);
        digest.update(&bytes[start..]);
        arrived(bytes.len() as u64);
    }
    let found: String = (digest.finalize().iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !found.eq_ignore_ascii_case(&promise.sha256) {
        return Err(format!(
            "{path} is damaged: {} bytes with SHA-256 {found}, its manifest promises {} bytes with {}; \
             reload the page, or upload the model folder again",
            bytes.len(),
            promise.bytes,
            promise.sha256
        ));
    }
    Ok(bytes)
}

async fn next_chunk(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let step = JsFuture::from(reader.read()).await?;
    if Reflect::get(&step, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    Reflect::get(&step, &"value".into())?.dyn_into().map(Some)
}

/// The bytes of one picture.
pub async fn bytes(url: &str) -> Result<Vec<u8>, String> {
    accepted("the file", Request::get(url).send().await)?
        .binary()
        .await
        .map_err(|error| format!("the file cannot be read: {error}"))
}

fn accepted(path: &str, response: Result<Response, gloo::net::Error>) -> Result<Response, String> {
    let response = response.map_err(|error| format!("{path} cannot be fetched: {error}"))?;
    if !response.ok() {
        return Err(format!("{path} is missing (HTTP {})", response.status()));
    }
    Ok(response)
}

/// A JavaScript error in words.
pub fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{error:?}"),
    }
}
