//! How the gallery is shown.

use leptos::prelude::*;

/// A way to show the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// In rank order.
    Ranking,
    /// In the plane, alike pictures side by side.
    Map,
}

/// The choice between the ways.
#[component]
pub fn Views(view: RwSignal<View>) -> impl IntoView {
    let choice = move |text: &'static str, id: &'static str, value: View| {
        view! {
            <button
                type="button"
                id=id
                aria-pressed=move || (view.get() == value).to_string()
                on:click=move |_| view.set(value)
            >
                {text}
            </button>
        }
    };
    view! {
        <div class="views" role="group" aria-label="Show the gallery as">
            {choice("Ranking", "show-ranking", View::Ranking)}
            {choice("Map", "show-map", View::Map)}
        </div>
    }
}
