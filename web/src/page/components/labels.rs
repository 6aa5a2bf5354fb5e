//! Whom the pictures show and by which camera, in a table that can be edited.

use std::collections::HashMap;

use leptos::prelude::*;

use super::label_row::{LabelRow, Numbers};
use super::modal::Modal;
use crate::page::picture::Picture;
use crate::page::state::State;

/// Pictures of a page of the table.
const PAGE: usize = 50;

/// A window over the page with the gallery's labels, and the query's.
#[component]
pub fn Labels(state: State, open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Modal
            id="labels"
            title="Labels"
            open
            on_close=Callback::new(move |()| open.set(false))
        >
            {move || open.get().then(|| view! { <Table state /> })}
        </Modal>
    }
}

#[component]
fn Table(state: State) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let page = RwSignal::new(0);
    // Counts changes that rows do not make themselves.
    let version = RwSignal::new(0);
    let found = Memo::new(move |_| found(state, &text.get()));
    let pages = move || found.with(Vec::len).div_ceil(PAGE).max(1);
    let at = move || page.get().min(pages() - 1);
    let rows = move || {
        let (begin, version) = (at() * PAGE, version.get());
        found.with(|found| {
            let end = (begin + PAGE).min(found.len());
            let rows = found[begin..end].iter().cloned();
            rows.map(|picture| (version, picture)).collect::<Vec<_>>()
        })
    };
    let range = move || {
        let (begin, count) = (at() * PAGE, found.with(Vec::len));
        match count {
            0 => "No picture".to_string(),
            _ => format!("{} to {} of {count}", begin + 1, (begin + PAGE).min(count)),
        }
    };
    let metrics = move || {
        let metrics = state.main.metrics.get()?;
        let (first, map) = (100.0 * metrics.rank(1), 100.0 * metrics.map);
        Some(format!(
            "With these labels: Rank-1 {first:.1}\u{a0}%, mAP {map:.1}\u{a0}%"
        ))
    };
    let all = Numbers::default();
    let set_all = move |_| {
        if let Some(label) = all.label() {
            let labels: HashMap<_, _> = found
                .with_untracked(|found| found.iter().map(|picture| (picture.id, label)).collect());
            state.relabel(&labels);
            version.update(|version| *version += 1);
        }
    };
    view! {
        <p class="muted">
            "Numbers; empty stands for unknown. Pictures of the same person have the same identity, and 0 is for people whom nobody looks for. Pictures without a camera count as those of one camera."
        </p>
        <div class="tools">
            <label class="tool">
                "Find"
                <input
                    id="find-label"
                    type="search"
                    placeholder="Name or identity"
                    on:input:target=move |event| {
                        text.set(event.target().value());
                        page.set(0);
                    }
                />
            </label>
            <div class="tool" role="group" aria-label="One label for all that are found">
                "All found:"
                {all.fields("all")}
                <button class="button" id="set-all" type="button" on:click=set_all>"Set"</button>
            </div>
        </div>
        <p class="muted" role="status">{metrics}</p>
        <table>
            <thead>
                <tr>
                    <th scope="col">"Picture"</th>
                    <th scope="col">"Identity"</th>
                    <th scope="col">"Camera"</th>
                </tr>
            </thead>
            <tbody>
                <For each=rows key=|(version, picture)| (*version, picture.id) let:row>
                    <LabelRow state picture=row.1 />
                </For>
            </tbody>
        </table>
        <div class="actions pages">
            <button
                class="button"
                type="button"
                prop:disabled=move || at() == 0
                on:click=move |_| page.set(at() - 1)
            >
                "Back"
            </button>
            <p class="muted" role="status">{range}</p>
            <button
                class="button"
                id="more-labels"
                type="button"
                prop:disabled=move || at() + 1 >= pages()
                on:click=move |_| page.set(at() + 1)
            >
                "Next"
            </button>
        </div>
    }
}

/// The query, where it is not of the gallery, and the gallery, as far as their names or
/// identities fit a text.
fn found(state: State, text: &str) -> Vec<Picture> {
    let text = text.trim().to_lowercase();
    let fits = |picture: &&Picture| {
        let identity = picture.person().map(|person| person.to_string());
        picture.name.to_lowercase().contains(&text) || identity.as_ref() == Some(&text)
    };
    let gallery = state.gallery.read();
    let query = state.query.get();
    let outside = query
        .iter()
        .filter(|query| gallery.iter().all(|other| other.id != query.id));
    outside.chain(&*gallery).filter(fits).cloned().collect()
}
