//! Workers that turn pictures into embeddings, for the site. They know nothing of galleries.
//!
//! | program | what it runs on |
//! | --- | --- |
//! | `dcac-cpu` | one core, with instructions that every browser has |
//! | `dcac-cpu-relaxed` | one core, with fused multiply-adds |
//! | `dcac-gpu` | WebGPU |
//!
//! The module `worker` is how they are started and talked to.

// There is nothing to do outside of a browser.
#![cfg(target_arch = "wasm32")]

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod picture;
pub mod protocol;
mod time;
pub mod worker;

use std::cell::RefCell;
use std::rc::Rc;

use dcac_model::image::Preprocess;
use dcac_model::reid::EncoderConfig;
use js_sys::{Float32Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

pub use cpu::run_cpu;
#[cfg(feature = "gpu")]
pub use gpu::run_gpu;
use protocol::{Loaded, Reply, Request};

/// An encoder on some device. Pixels are `[count, 3, height, width]`, normalised.
trait Encoder: 'static {
    /// L2-normalised embeddings, row-major.
    async fn embed(&self, pixels: Vec<f32>) -> Result<Vec<f32>, String>;
    /// Of one picture: the neck's output before normalisation, and the patch tokens
    /// `[patches, dim]`.
    async fn features(&self, pixels: Vec<f32>) -> Result<(Vec<f32>, Vec<f32>), String>;
}

/// A loaded encoder and what it takes; several requests may use it in turn.
type Ready<E> = Rc<(E, Preprocess)>;

/// Serves requests with what `load` makes of a description and weights.
fn serve<E: Encoder>(load: impl AsyncFn(&EncoderConfig, Vec<u8>) -> Result<E, String> + 'static) {
    let load = Rc::new(load);
    let ready: Rc<RefCell<Option<Ready<E>>>> = Rc::default();
    worker::listen(move |request, buffer: JsValue| match request {
        Request::Load(config) => {
            let (load, ready) = (load.clone(), ready.clone());
            spawn_local(async move {
                let weights = Uint8Array::from(buffer).to_vec();
                let loaded = load(&config, weights).await.map(|encoder| {
                    ready.replace(Some(Rc::new((encoder, config.preprocess))));
                    Loaded { memory: memory() }
                });
                worker::post(&Reply::Loaded(loaded), &JsValue::NULL);
            });
        }
        Request::Embed { call, urls } => {
            // Nothing is asked of an encoder that is not loaded.
            let Some(ready) = ready.borrow().clone() else {
                return;
            };
            spawn_local(async move { embed(&ready.0, &ready.1, call, &urls).await });
        }
        Request::Features { call, url } => {
            let Some(ready) = ready.borrow().clone() else {
                return;
            };
            spawn_local(async move { features(&ready.0, &ready.1, call, &url).await });
        }
        Request::Time { call, pictures } => {
            let Some(ready) = ready.borrow().clone() else {
                return;
            };
            spawn_local(async move { time::measure(&ready.0, &ready.1, call, pictures).await });
        }
    });
}

async fn embed<E: Encoder>(encoder: &E, preprocess: &Preprocess, call: u32, urls: &[String]) {
    let mut pixels = Vec::with_capacity(urls.len() * preprocess.len());
    let mut pictures = Vec::with_capacity(urls.len());
    for url in urls {
        pictures.push(picture::read(url, preprocess, &mut pixels).await);
    }
    let embeddings = match pixels.is_empty() {
        true => Ok(Vec::new()),
        false => encoder.embed(pixels).await,
    };
    match embeddings {
        Ok(values) if values.iter().all(|value| value.is_finite()) => {
            let values = Float32Array::from(values.as_slice());
            worker::post(&Reply::Embedded { call, pictures }, &values);
        }
        Ok(_) => worker::broken("the encoder computed embeddings that are not finite"),
        Err(reason) => worker::broken(&reason),
    }
}

async fn features<E: Encoder>(encoder: &E, preprocess: &Preprocess, call: u32, url: &str) {
    let mut pixels = Vec::with_capacity(preprocess.len());
    let found = match picture::read(url, preprocess, &mut pixels).await {
        Ok(()) => encoder.features(pixels).await,
        Err(reason) => Err(reason),
    };
    let (neck, numbers) = match found {
        Ok((neck, patches)) => (Ok(neck.len()), [neck, patches].concat()),
        Err(reason) => (Err(reason), Vec::new()),
    };
    let numbers = Float32Array::from(numbers.as_slice());
    worker::post(&Reply::Features { call, neck }, &numbers);
}

/// Bytes of this worker's own memory.
fn memory() -> u64 {
    const PAGE: u64 = 65536;
    core::arch::wasm32::memory_size(0) as u64 * PAGE
}
