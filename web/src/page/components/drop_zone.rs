//! Somewhere to drop files.

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::{DragEvent, File, FileList};

use super::dropped::Dropped;

/// A region that takes dropped pictures and shows that it does.
#[component]
pub fn DropZone(
    /// Class of the region.
    class: &'static str,
    /// Name of the region for screen readers.
    label: &'static str,
    /// Takes what was dropped.
    on_files: Callback<Vec<File>>,
    children: Children,
) -> impl IntoView {
    let over = RwSignal::new(false);
    let drag = move |event: DragEvent| {
        // Without this the browser opens the file in place of the page.
        event.prevent_default();
        over.set(true);
    };
    let drop = move |event: DragEvent| {
        over.set(false);
        take(&event, on_files);
    };
    view! {
        <section
            class=class
            class:over=over
            aria-label=label
            on:dragenter=drag
            on:dragover=drag
            on:dragleave=move |_| over.set(false)
            on:drop=drop
        >
            {children()}
        </section>
    }
}

/// Takes files that are dropped beside every [`DropZone`]: the browser would leave the page for
/// them, and a region may have moved on from under the pointer.
pub fn take_drops_elsewhere(on_files: Callback<Vec<File>>) {
    let of_files = |event: &DragEvent| {
        let types = event.data_transfer().map(|data| data.types());
        types.is_some_and(|types| types.includes(&"Files".into(), 0))
    };
    let _ = window_event_listener(leptos::ev::dragover, move |event| {
        if of_files(&event) {
            event.prevent_default();
        }
    });
    let _ = window_event_listener(leptos::ev::drop, move |event| {
        if of_files(&event) && !event.default_prevented() {
            take(&event, on_files);
        }
    });
}

fn take(event: &DragEvent, on_files: Callback<Vec<File>>) {
    event.prevent_default();
    if let Some(data) = event.data_transfer() {
        let dropped = Dropped::of(&data);
        spawn_local(async move {
            on_files.run(dropped.files().await);
        });
    }
}

/// The files of a browser's list.
pub fn files_of(files: Option<FileList>) -> Vec<File> {
    let files = files
        .iter()
        .flat_map(|files| (0..files.length()).filter_map(|index| files.get(index)));
    files.collect()
}
