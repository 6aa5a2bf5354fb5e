//! Downloaded weights in the browser's cache, in parts.

use std::collections::BTreeMap;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, CacheQueryOptions, CacheStorage, Request, Response};

const NAME: &str = "model-weights";

/// Bytes of a part: what a broken download loses at most.
pub const PART: u64 = 1 << 20;

/// The kept parts of one file. Where the browser keeps nothing, there never are any.
pub struct Parts {
    cache: Option<Cache>,
    url: String,
    sha256: String,
}

impl Parts {
    /// The parts of the file at an address that has a digest. The visitor's own files are not
    /// kept.
    pub async fn of(url: &str, sha256: &str) -> Self {
        let cache = match url.starts_with("blob:") {
            true => None,
            false => open().await,
        };
        Self {
            cache,
            url: url.to_string(),
            sha256: sha256.to_string(),
        }
    }

    /// A part, where it is kept.
    pub async fn get(&self, part: u64) -> Option<Uint8Array> {
        let found = self.cache.as_ref()?.match_with_str(&self.address(part));
        let response: Response = JsFuture::from(found).await.ok()?.dyn_into().ok()?;
        let buffer = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
        Some(Uint8Array::new(&buffer))
    }

    /// Keeps a part, where there is room.
    pub async fn put(&self, part: u64, bytes: &Uint8Array) {
        let Some(cache) = &self.cache else {
            return;
        };
        if let Ok(response) = Response::new_with_opt_buffer_source(Some(bytes)) {
            // Without room the file is downloaded again next time.
            let _ = JsFuture::from(cache.put_with_str(&self.address(part), &response)).await;
        }
    }

    /// Forgets all parts, of older versions of the file too.
    pub async fn remove(&self) {
        if let Some(cache) = &self.cache {
            forget(cache, &self.url).await;
        }
    }

    fn address(&self, part: u64) -> String {
        format!("{}?sha256={}&part={part}", self.url, self.sha256)
    }
}

/// Addresses of the files of which parts are kept, and how many.
pub async fn kept() -> BTreeMap<String, u64> {
    let mut kept = BTreeMap::new();
    let Some(cache) = open().await else {
        return kept;
    };
    let Ok(requests) = JsFuture::from(cache.keys()).await else {
        return kept;
    };
    for request in requests.unchecked_into::<Array>().iter() {
        let url = request.unchecked_into::<Request>().url();
        let file = url.split('?').next().unwrap_or_default();
        *kept.entry(file.to_string()).or_default() += 1;
    }
    kept
}

/// Forgets the parts of the file at an address.
pub async fn remove(url: &str) {
    if let Some(cache) = open().await {
        forget(&cache, url).await;
    }
}

/// Forgets the parts of all files.
pub async fn clear() {
    if let Some(storage) = storage() {
        let _ = JsFuture::from(storage.delete(NAME)).await;
    }
}

async fn forget(cache: &Cache, url: &str) {
    let options = CacheQueryOptions::new();
    options.set_ignore_search(true);
    let _ = JsFuture::from(cache.delete_with_str_and_options(url, &options)).await;
}

/// The cache; none where the browser has none, as on hosts without encryption.
async fn open() -> Option<Cache> {
    JsFuture::from(storage()?.open(NAME))
        .await
        .ok()?
        .dyn_into()
        .ok()
}

fn storage() -> Option<CacheStorage> {
    let storage = Reflect::get(&js_sys::global(), &JsValue::from("caches")).ok()?;
    storage.dyn_into().ok()
}
