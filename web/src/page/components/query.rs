//! The picture to look for.

use leptos::prelude::*;

use super::drop_zone::DropZone;
use super::file_button::FileButton;
use super::status::Status;
use crate::page::picture::Picture;
use crate::page::state::State;

/// Choice of the query, the button that ranks, and what came of it.
#[component]
pub fn Query(state: State) -> impl IntoView {
    let take = Callback::new(move |files: Vec<Picture>| state.set_query(files));
    let also = move || {
        let pictures = state.also.get().into_iter();
        let tiles = pictures.map(|picture| {
            let name = picture.name.to_string();
            let url = picture.url.to_string();
            let leave_out = move |_| state.leave_out(&picture);
            view! {
                <button type="button" title=format!("Leave {name} out of the query") on:click=leave_out>
                    <img src=url alt=name.clone() />
                </button>
            }
        });
        tiles.collect_view()
    };
    let picture = move || {
        state.query.get().map(|picture| {
            let about = picture.label.map(|label| {
                view! { <p class="muted">{format!("ID {} · camera {}", label.identity, label.camera)}</p> }
            });
            view! {
                <img src=picture.url.to_string() alt=format!("Query: {}", picture.name) />
                <div class="about-query">
                    <p class="name">{picture.name.to_string()}</p>
                    {about}
                </div>
            }
            .into_any()
        })
    };
    let empty = || {
        view! {
            <svg class="silhouette" viewBox="0 0 100 200" aria-hidden="true">
                <circle cx="50" cy="42" r="16" />
                <path d="M28 122V84a20 20 0 0 1 20-20h4a20 20 0 0 1 20 20v38h-8v56a6 6 0 0 1-12 0v-50h-4v50a6 6 0 0 1-12 0v-56z" />
            </svg>
            <p class="muted about-query">"Drop a picture here, choose one, or click anyone in the gallery."</p>
        }
        .into_any()
    };
    view! {
        <DropZone class="card query" label="Query" on_files=take>
            <h2>"Query"</h2>
            <div class="subject">{move || picture().unwrap_or_else(empty)}</div>
            <div class="also" class:hidden=move || state.also.with(Vec::is_empty)>
                <p class="muted">"Averaged with"</p>
                {also}
            </div>
            <div class="actions">
                <FileButton id="query-input" text="Choose a picture" multiple=true on_files=take />
                <button
                    class="button primary"
                    id="run"
                    type="button"
                    on:click=move |_| state.rank()
                >
                    "Rank the gallery"
                </button>
            </div>
            <Status state />
        </DropZone>
    }
}
