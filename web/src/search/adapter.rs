//! Is there a GPU that a browser lets us use?

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// What WebGPU would run on.
pub struct Adapter {
    /// Maker and family, as far as the browser tells.
    pub name: String,
    /// Whether it only imitates a GPU, slower than our own CPU code.
    pub software: bool,
}

/// The adapter that WebGPU gives, if any. Asked here because burn's own set-up
/// panics where there is none.
pub async fn find() -> Option<Adapter> {
    request().await.ok().flatten()
}

// web-sys has WebGPU behind an unstable flag only, so plain property reads it is.
async fn request() -> Result<Option<Adapter>, JsValue> {
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into());
    let gpu = get(&get(&js_sys::global(), "navigator")?, "gpu")?;
    if !gpu.is_object() {
        return Ok(None);
    }
    let ask: Function = get(&gpu, "requestAdapter")?.dyn_into()?;
    let promise: Promise = ask.call0(&gpu)?.dyn_into()?;
    let adapter = JsFuture::from(promise).await?;
    if !adapter.is_object() {
        return Ok(None);
    }
    let info = get(&adapter, "info")?;
    let text = |key| get(&info, key).ok().and_then(|value| value.as_string());
    let words: Vec<String> = ["vendor", "architecture"]
        .into_iter()
        .filter_map(text)
        .filter(|word| !word.is_empty())
        .collect();
    let flagged = |object: &JsValue| get(object, "isFallbackAdapter").is_ok_and(|v| v.is_truthy());
    let name = words.join(" ");
    Ok(Some(Adapter {
        software: flagged(&info) || flagged(&adapter) || name.contains("swiftshader"),
        name,
    }))
}

/// Whether this browser has fused multiply-adds: whether it takes the smallest program with one.
pub fn has_relaxed_simd() -> bool {
    const PROGRAM: [u8; 37] = [
        0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic and version
        1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b, // (v128, v128, v128) -> v128
        3, 2, 1, 0, // one function of that type
        10, 13, 1, 11, 0, // its code
        0x20, 0, 0x20, 1, 0x20, 2, // the parameters
        0xfd, 0x85, 0x02, // f32x4.relaxed_madd
        0x0b, // end
    ];
    let program = js_sys::Uint8Array::from(PROGRAM.as_slice());
    js_sys::WebAssembly::validate(&program).unwrap_or(false)
}
