//! The site: ranks a gallery of person crops by their likeness to a query, all in
//! the browser. One program serves as the page and, in a dedicated worker, as the
//! engine that computes embeddings.

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod components;
#[cfg(target_arch = "wasm32")]
mod picture;
#[cfg(target_arch = "wasm32")]
mod samples;
#[cfg(target_arch = "wasm32")]
mod state;
#[cfg(target_arch = "wasm32")]
mod worker;

#[cfg(target_arch = "wasm32")]
fn main() {
    use wasm_bindgen::JsCast;

    match js_sys::global().dyn_into::<web_sys::DedicatedWorkerGlobalScope>() {
        Ok(scope) => worker::run(scope),
        Err(_) => {
            console_error_panic_hook::set_once();
            app::mount();
        }
    }
}

// The site has nothing to do outside of a browser.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
