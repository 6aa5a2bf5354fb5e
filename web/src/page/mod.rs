//! The page.

mod components;
mod export;
mod frame;
mod photo;
mod picture;
mod refusal;
mod samples;
mod state;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, HtmlElement, Url, UrlSearchParams};

use components::{
    About, Banner, Beside, Cropper, Gallery, Models, Query, Why, files_of, provide_both,
    take_drops_elsewhere,
};
use state::State;

use crate::protocol::{Backend, Choice};

/// Puts the page in place of what stands there while the program loads.
pub fn run() {
    console_error_panic_hook::set_once();
    let app = document()
        .get_element_by_id("app")
        .and_then(|element| element.dyn_into::<HtmlElement>().ok());
    match app {
        Some(app) => {
            app.set_inner_html("");
            leptos::mount::mount_to(app, App).forget();
        }
        None => leptos::mount::mount_to_body(App),
    }
}

/// Absolute address of the page's folder, which everything is relative to.
fn base() -> String {
    let uri = document().base_uri().ok().flatten().unwrap_or_default();
    Url::new_with_base(".", &uri).map_or(uri, |url| url.href())
}

#[component]
fn App() -> impl IntoView {
    let search = window().location().search().unwrap_or_default();
    let parameter = |name: &str| UrlSearchParams::new_with_str(&search).ok()?.get(name);
    let backend = match parameter("backend").as_deref() {
        Some("cpu") => Backend::Cpu,
        Some("webgpu") => Backend::WebGpu,
        _ => Backend::Auto,
    };
    let base = base();
    let model = parameter("model").map_or(Choice::First, Choice::Named);
    let state = State::new(&base, model, backend);
    let shipped = RwSignal::new(None);
    provide_both(state);
    state.start();
    if let Some(name) = parameter("beside") {
        state.compare_with(Choice::Named(name));
    }
    let _ = window_event_listener(leptos::ev::paste, move |event| {
        let data = event.unchecked_into::<ClipboardEvent>().clipboard_data();
        state.add_files(files_of(data.and_then(|data| data.files())));
    });
    take_drops_elsewhere(Callback::new(move |files| state.add_files(files)));
    spawn_local(async move {
        let restored = state.restore().await;
        let loaded = samples::load(&base).await;
        // A visitor who was faster keeps what was chosen.
        let empty = state.gallery.with_untracked(Vec::is_empty);
        if let (Ok(pictures), true, false) = (&loaded, empty, restored) {
            state.show_samples(pictures.clone());
        }
        if restored || empty {
            state.look_for_a_sample();
        }
        shipped.set(Some(loaded));
    });
    view! {
        <Banner state />
        <main class:two=move || state.beside.is_on()>
            <Query state />
            <Gallery state shipped />
            <Beside state />
        </main>
        <About state />
        <Why state />
        <Cropper state />
        <Models state />
    }
}
