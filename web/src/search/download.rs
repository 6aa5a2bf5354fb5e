//! Weights: downloaded in parts that are kept, so that what has arrived is not fetched again.

use std::time::Duration;

use gloo::net::http::{Request, Response};
use gloo::timers::future::sleep;
use js_sys::{Reflect, Uint8Array};
use sha2::{Digest, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStreamDefaultReader;

use crate::fetch::accepted;
use crate::parts::{PART, Parts};

/// How often a download that broke off is taken up again before the visitor is told.
const TRIES: u32 = 4;

/// Bytes and digest that a manifest promises of a file.
#[derive(Clone, serde::Deserialize)]
pub struct Promise {
    /// Length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Why there are no weights.
pub enum Failure {
    /// The browser has not the memory.
    Memory,
    /// Anything else, and what to do.
    Other(String),
}

/// A large file, checked against its manifest. `path` names it in errors, `arrived` hears how
/// many bytes there are so far.
pub async fn checked(
    url: &str,
    path: &str,
    promise: &Promise,
    arrived: impl Fn(u64),
) -> Result<Uint8Array, Failure> {
    let mut file = Arriving {
        bytes: allocate(promise.bytes).ok_or(Failure::Memory)?,
        digest: Sha256::new(),
        length: 0,
        parts: Parts::of(url, &promise.sha256).await,
        arrived,
    };
    file.take_kept().await;
    let mut tries = 0;
    while file.length < promise.bytes {
        let before = file.length;
        if let Err(reason) = file.download(url, path, promise).await {
            // What arrives at all may take as long as it takes.
            tries = if file.length > before { 1 } else { tries + 1 };
            if tries >= TRIES {
                return Err(Failure::Other(format!(
                    "{reason}; {:.1} of {:.1} MB are here and are kept: reload the page to go on",
                    file.length as f64 / 1e6,
                    promise.bytes as f64 / 1e6
                )));
            }
            sleep(Duration::from_millis(500 << tries)).await;
        }
    }
    let found: String = (file.digest.finalize().iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !found.eq_ignore_ascii_case(&promise.sha256) {
        file.parts.remove().await;
        let help = match url.starts_with("blob:") {
            true => "copy or export the folder again",
            false => "reload the page, or upload the model folder again",
        };
        return Err(Failure::Other(format!(
            "{path} is damaged: its SHA-256 is {found}, its manifest promises {}; {help}",
            promise.sha256
        )));
    }
    Ok(file.bytes)
}

struct Arriving<F> {
    bytes: Uint8Array,
    digest: Sha256,
    length: u64,
    parts: Parts,
    arrived: F,
}

impl<F: Fn(u64)> Arriving<F> {
    /// Takes what an earlier visit has kept, from the beginning to the first gap.
    async fn take_kept(&mut self) {
        let total = u64::from(self.bytes.length());
        while self.length < total {
            let size = PART.min(total - self.length);
            match self.parts.get(self.length / PART).await {
                Some(part) if u64::from(part.length()) == size => self.append(&part),
                _ => break,
            }
        }
        if self.length == 0 {
            // Without its beginning nothing of the file is of use, and less so of an older one.
            self.parts.remove().await;
        }
    }

    /// Streams from where the file breaks off to its end.
    async fn download(&mut self, url: &str, path: &str, promise: &Promise) -> Result<(), String> {
        // The digest in the address keeps a cache from giving an older file of that name.
        let fresh = match url.starts_with("blob:") {
            true => url.to_string(),
            false => format!("{url}?sha256={}", promise.sha256),
        };
        let mut request = Request::get(&fresh);
        if self.length > 0 {
            request = request.header("Range", &format!("bytes={}-", self.length));
        }
        let response = accepted(path, request.send().await)?;
        // A host may answer with the whole file all the same.
        let mut skip = if response.status() == 206 {
            0
        } else {
            self.length
        };
        let broken = |error: JsValue| format!("{path} broke off: {}", describe(&error));
        let reader = reader(&response).ok_or_else(|| format!("{path} has no content"))?;
        while let Some(chunk) = next_chunk(&reader).await.map_err(broken)? {
            let length = u64::from(chunk.length());
            let known = skip.min(length);
            skip -= known;
            let new = chunk.subarray(known as u32, length as u32);
            if self.length + u64::from(new.length()) > promise.bytes {
                // It is the wrong file; its digest will say so.
                let rest = (promise.bytes - self.length) as u32;
                self.take(&new.subarray(0, rest)).await;
                return Ok(());
            }
            self.take(&new).await;
        }
        match self.length < promise.bytes {
            true => Err(format!("{path} broke off")),
            false => Ok(()),
        }
    }

    /// Appends what arrived, and keeps the parts that it completes.
    async fn take(&mut self, chunk: &Uint8Array) {
        let total = u64::from(self.bytes.length());
        let before = self.length / PART;
        self.append(chunk);
        let after = match self.length == total {
            true => total.div_ceil(PART),
            false => self.length / PART,
        };
        for part in before..after {
            let end = ((part + 1) * PART).min(total);
            let bytes = self.bytes.slice((part * PART) as u32, end as u32);
            self.parts.put(part, &bytes).await;
        }
    }

    fn append(&mut self, chunk: &Uint8Array) {
        self.bytes.set(chunk, self.length as u32);
        self.digest.update(chunk.to_vec());
        self.length += u64::from(chunk.length());
        (self.arrived)(self.length);
    }
}

/// A buffer outside of this program's own memory; none where the browser refuses.
fn allocate(bytes: u64) -> Option<Uint8Array> {
    let length = js_sys::Array::of1(&JsValue::from(u32::try_from(bytes).ok()?));
    let class = Reflect::get(&js_sys::global(), &"Uint8Array".into()).ok()?;
    let made = Reflect::construct(class.unchecked_ref::<js_sys::Function>(), &length).ok()?;
    made.dyn_into().ok()
}

fn reader(response: &Response) -> Option<ReadableStreamDefaultReader> {
    Some(response.body()?.get_reader().unchecked_into())
}

async fn next_chunk(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let step = JsFuture::from(reader.read()).await?;
    if Reflect::get(&step, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    Reflect::get(&step, &"value".into())?.dyn_into().map(Some)
}

/// A JavaScript error in words.
fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{error:?}"),
    }
}
