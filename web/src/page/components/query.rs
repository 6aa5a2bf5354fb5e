//! The picture to look for.

use leptos::prelude::*;
use web_sys::File;

use super::drop_zone::DropZone;
use super::file_button::FileButton;
use super::status::Status;
use super::tile::CropButton;
use crate::page::photo::{Photo, is_wide};
use crate::page::state::State;

/// Choice of the query, the button that ranks, and what came of it.
#[component]
pub fn Query(state: State) -> impl IntoView {
    let take = Callback::new(move |files| state.look_for_files(files));
    let open = Callback::new(move |files: Vec<File>| {
        if let Some(photo) = files.first().and_then(Photo::of) {
            state.photo.set(Some(photo));
        }
    });
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
            let about = picture
                .label
                .map(|_| view! { <p class="muted">{picture.caption()}</p> });
            let wide = RwSignal::new(false);
            let photo = picture.clone();
            let crop = move || {
                let photo = photo.clone();
                wide.get().then(|| view! { <CropButton state photo /> })
            };
            view! {
                <img
                    src=picture.url.to_string()
                    alt=format!("Query: {}", picture.name)
                    on:load:target=move |event| wide.set(is_wide(&event.target()))
                />
                <div class="about-query">
                    <p class="name">{picture.name.to_string()}</p>
                    {about}
                    {crop}
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
                <FileButton id="photo-input" text="Crop a photo" multiple=false on_files=open />
                <FileButton id="camera-input" text="Take a photo" multiple=false camera=true on_files=open />
                <button
                    class="button primary"
                    id="run"
                    type="button"
                    prop:disabled=move || state.adding.get().is_some()
                    on:click=move |_| state.rank()
                >
                    "Rank the gallery"
                </button>
            </div>
            <Status state />
        </DropZone>
    }
}
