//! One click that leaves nothing behind.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::modal::Modal;
use crate::page::state::State;

/// The button, and the question whether it was meant.
#[component]
pub fn Delete(state: State) -> impl IntoView {
    let asked = RwSignal::new(false);
    let said = RwSignal::new(false);
    let delete = move |_| {
        asked.set(false);
        said.set(false);
        spawn_local(async move {
            state.delete_everything().await;
            said.set(true);
        });
    };
    view! {
        <div class="actions">
            <button class="button" id="delete" type="button" on:click=move |_| asked.set(true)>
                "Delete everything"
            </button>
            <p class="muted" id="deleted" role="status">
                {move || said.get().then_some("Everything that this page had kept is deleted.")}
            </p>
        </div>
        <Modal
            id="really"
            title="Delete everything?"
            open=asked
            on_close=Callback::new(move |()| asked.set(false))
        >
            <p>
                "The gallery, its labels, all that was computed of the pictures and the downloaded models are deleted from this browser. The files that they came from stay where they are."
            </p>
            <div class="actions">
                <button class="button primary" id="delete-really" type="button" on:click=delete>
                    "Delete everything"
                </button>
                <button class="button" type="button" on:click=move |_| asked.set(false)>
                    "Keep it"
                </button>
            </div>
        </Modal>
    }
}
