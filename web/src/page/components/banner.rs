//! Head of the page: what it is, what it runs on, and that nothing leaves.

use leptos::prelude::*;

use crate::page::state::{Model, State};

/// Title, promise and engine.
#[component]
pub fn Banner(state: State) -> impl IntoView {
    let engine = move || match state.main.model.get() {
        Model::Loading(..) => "Engine: starting".to_string(),
        Model::Started(started) => started.engine,
        Model::Off | Model::Failed(_) => "No engine".to_string(),
    };
    let started = move || {
        state
            .main
            .model
            .with(|model| matches!(model, Model::Started(_)))
    };
    view! {
        <header class="banner">
            <div>
                <h1>"Find the same person"</h1>
                <p class="lead">
                    "Choose a picture of someone; the model orders all others by likeness."
                </p>
            </div>
            <div class="chips">
                <span class="chip promise" title="Pictures are read, compared and shown by this browser alone">
                    "No picture leaves this device"
                </span>
                <button
                    class="chip"
                    id="engine"
                    type="button"
                    aria-haspopup="dialog"
                    class:ready=started
                    title="What computes the comparison; choose another model"
                    on:click=move |_| state.models.show()
                >
                    {engine}
                </button>
            </div>
            {move || state.main.notice.get().map(|notice| view! { <p class="notice" role="status">{notice}</p> })}
        </header>
    }
}
