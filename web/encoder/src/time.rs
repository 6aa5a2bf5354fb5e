//! How long an encoder takes, for benchmarks.

use dcac_model::image::Preprocess;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WorkerGlobalScope;

use crate::protocol::Reply;
use crate::{Encoder, worker};

/// Embeds drawn pictures and answers with the time.
pub async fn measure<E: Encoder>(encoder: &E, how: &Preprocess, call: u32, pictures: usize) {
    let pixels: Vec<f32> = (0..pictures * how.len())
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let begin = now();
    match encoder.embed(pixels).await {
        Ok(_) => {
            let milliseconds = now() - begin;
            worker::post(&Reply::Timed { call, milliseconds }, &JsValue::NULL);
        }
        Err(reason) => worker::broken(&reason),
    }
}

/// Milliseconds, finer than a date.
fn now() -> f64 {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    scope.performance().map_or(0.0, |clock| clock.now())
}
