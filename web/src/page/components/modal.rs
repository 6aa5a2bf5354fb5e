//! A window over the page.

use leptos::html::Dialog;
use leptos::prelude::*;

/// A window with a title and a button that closes it, open while `open` says so.
#[component]
pub fn Modal(
    /// Id of the window.
    id: &'static str,
    /// What it is about.
    title: &'static str,
    /// Whether it is open.
    #[prop(into)]
    open: Signal<bool>,
    /// The visitor closes it.
    on_close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let window = NodeRef::<Dialog>::new();
    Effect::new(move || {
        let open = open.get();
        let Some(window) = window.get() else {
            return;
        };
        if open && !window.open() {
            // It fails for a window that is open or gone only.
            let _ = window.show_modal();
        } else if !open {
            window.close();
        }
    });
    let heading = format!("{id}-title");
    let labelled_by = heading.clone();
    view! {
        <dialog
            class="modal"
            id=id
            aria-labelledby=labelled_by
            node_ref=window
            on:close=move |_| on_close.run(())
        >
            <div class="heading">
                <h2 id=heading>{title}</h2>
                <button class="button" type="button" on:click=move |_| on_close.run(())>
                    "Close"
                </button>
            </div>
            {children()}
        </dialog>
    }
}
