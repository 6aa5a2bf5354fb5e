//! A button that asks for files.

use leptos::prelude::*;
use web_sys::{File, HtmlInputElement};

use super::drop_zone::files_of;

/// The browser's file picker behind a button of the page's own look.
#[component]
pub fn FileButton(
    /// Id of the input.
    id: &'static str,
    /// Text of the button.
    text: &'static str,
    /// Whether several files can be chosen at once.
    multiple: bool,
    /// Whether a folder is chosen, with all that is in it.
    #[prop(optional)]
    folder: bool,
    /// Whether a phone opens its camera.
    #[prop(optional)]
    camera: bool,
    /// Takes what was chosen.
    on_files: Callback<Vec<File>>,
) -> impl IntoView {
    let chosen = move |event: leptos::ev::Targeted<leptos::ev::Event, HtmlInputElement>| {
        let input = event.target();
        on_files.run(files_of(input.files()));
        // The same files can be chosen again.
        input.set_value("");
    };
    view! {
        <input
            class="file"
            class:camera=camera
            id=id
            type="file"
            multiple=multiple
            prop:webkitdirectory=folder
            capture=camera.then_some("environment")
            accept="image/jpeg,image/png,image/webp"
            on:change:target=chosen
        />
        <label class="button" class:camera=camera for=id>
            {text}
        </label>
    }
}
