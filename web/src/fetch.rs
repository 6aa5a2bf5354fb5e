//! Reading small files of the site or of the visitor's.

use gloo::net::http::{Request, Response};
use serde::de::DeserializeOwned;
use web_sys::{RequestCache, Url};

/// `path` below the page's folder.
pub fn resolve(base: &str, path: &str) -> Result<String, String> {
    Url::new_with_base(path, base)
        .map(|url| url.href())
        .map_err(|_| format!("{path} is no address below {base}"))
}

/// A JSON file, fresh even where the browser has an old one. `path` names it in errors.
pub async fn json<T: DeserializeOwned>(url: &str, path: &str) -> Result<T, String> {
    let request = Request::get(url).cache(RequestCache::NoCache);
    let text = accepted(path, request.send().await)?
        .text()
        .await
        .map_err(|error| format!("{path} broke off: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path} is not what it should be: {error}"))
}

/// A response that is not an error.
pub fn accepted(
    path: &str,
    response: Result<Response, gloo::net::Error>,
) -> Result<Response, String> {
    let response = response.map_err(|error| format!("{path} cannot be fetched: {error}"))?;
    if !response.ok() {
        return Err(format!("{path} is missing (HTTP {})", response.status()));
    }
    Ok(response)
}
