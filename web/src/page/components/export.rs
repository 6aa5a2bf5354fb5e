//! What a visitor may take away.

use leptos::ev::{FocusEvent, KeyboardEvent};
use leptos::html::Details;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node};

use crate::page::export::{Answer, Settings, npy, rows_csv, safetensors, save};
use crate::page::picture::Picture;
use crate::page::state::State;

/// A menu of files to save; only once there is an answer.
#[component]
pub fn Export(state: State) -> impl IntoView {
    let menu = NodeRef::<Details>::new();
    let problem = RwSignal::new(None::<String>);
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let escape = move |event: KeyboardEvent| {
        let Some(open) = menu.get_untracked().filter(|menu| menu.open()) else {
            return;
        };
        if event.key() == "Escape" {
            open.set_open(false);
            focus_summary(&open);
        }
    };
    // The focus goes to nothing when empty space is clicked.
    let left = move |event: FocusEvent| {
        let to: Option<Node> = event.related_target().and_then(|to| to.dyn_into().ok());
        let within = menu
            .get_untracked()
            .is_some_and(|menu| menu.contains(to.as_ref()));
        if !within {
            close();
        }
    };
    let item = move |text: &'static str, about: &'static str, act: fn(State) -> Saving| {
        let click = move |_| {
            close();
            if let Some(menu) = menu.get_untracked() {
                focus_summary(&menu);
            }
            problem.set(None);
            spawn_local(async move { problem.set(act(state).await.err()) });
        };
        view! {
            <li>
                // Safari focuses no button that is clicked, and the menu would be left.
                <button type="button" on:mousedown=move |event| event.prevent_default() on:click=click>
                    <b>{text}</b>
                    <span class="muted">{about}</span>
                </button>
            </li>
        }
    };
    let ranked = move || state.main.ranking.with(Option::is_some);
    view! {
        <div class="export" class:hidden=move || !ranked()>
            <details class="menu" id="export" node_ref=menu on:keydown=escape on:focusout=left>
                <summary class="button">"Export"</summary>
                <ul>
                    {item("Ranking, CSV", "the hits as a table", |state| Box::pin(ranking_csv(state)))}
                    {item("Ranking, JSON", "with query, model and filters", |state| Box::pin(ranking_json(state)))}
                    {item("Embeddings, safetensors", "for trainer index --from", |state| Box::pin(embeddings_safetensors(state)))}
                    {item("Embeddings, NumPy", ".npy, the whole gallery", |state| Box::pin(embeddings_npy(state)))}
                    {item("Rows of the embeddings, CSV", "names, identities, cameras", |state| Box::pin(embeddings_csv(state)))}
                </ul>
            </details>
            {move || problem.get().map(|reason| view! { <p class="notice" role="alert">{reason}</p> })}
        </div>
    }
}

type Saving = std::pin::Pin<Box<dyn Future<Output = Result<(), String>>>>;

fn focus_summary(menu: &web_sys::HtmlDetailsElement) {
    let summary = menu.query_selector("summary").ok().flatten();
    if let Some(summary) = summary.and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
        // An element that is shown can be focused.
        let _ = summary.focus();
    }
}

async fn ranking_csv(state: State) -> Result<(), String> {
    save("ranking.csv", "text/csv", &answer(state)?.csv()?)
}

async fn ranking_json(state: State) -> Result<(), String> {
    save("ranking.json", "application/json", &answer(state)?.json()?)
}

async fn embeddings_npy(state: State) -> Result<(), String> {
    let (pictures, values) = embeddings(state).await?;
    let file = npy(pictures.len(), &values);
    save("embeddings.npy", "application/octet-stream", &file)
}

async fn embeddings_csv(state: State) -> Result<(), String> {
    let (pictures, _) = embeddings(state).await?;
    save("embeddings.csv", "text/csv", &rows_csv(&pictures)?)
}

async fn embeddings_safetensors(state: State) -> Result<(), String> {
    let (pictures, values) = embeddings(state).await?;
    let model = state.main.started().map(|started| started.model.digest);
    let file = safetensors(&pictures, &values, &model.unwrap_or_default())?;
    save("embeddings.safetensors", "application/octet-stream", &file)
}

/// What is shown, with all hits that the filters leave.
fn answer(state: State) -> Result<Answer, String> {
    let (Some(query), Some(hits)) = (
        state.query.get_untracked(),
        state.main.ranking.get_untracked(),
    ) else {
        return Err("There is no ranking any more; rank the gallery again.".to_string());
    };
    let settings = Settings {
        least_score: Some(state.cutoff.get_untracked()).filter(|least| *least > -1.0),
        other_cameras_only: state.other_cameras.get_untracked(),
        normalized_by_camera: state.main.normalized.get_untracked(),
        re_ranked: state.rerank.get_untracked(),
    };
    let query: Vec<Picture> = std::iter::once(query)
        .chain(state.also.get_untracked())
        .collect();
    let ranked = hits.len();
    let hits = untrack(|| state.shown(state.main)).hits();
    let model = state.main.started().map(|started| started.model);
    let calibration = untrack(|| state.main.calibration());
    Ok(Answer::new(
        model.as_ref(),
        calibration,
        &query,
        settings,
        ranked,
        &hits,
    ))
}

/// The gallery's pictures and their embeddings, row after row.
async fn embeddings(state: State) -> Result<(Vec<Picture>, Vec<f32>), String> {
    let gone = || "There are no embeddings of this gallery; rank it again.".to_string();
    let (ids, values) = state.main.embeddings().await.ok_or_else(gone)?;
    let gallery = state.gallery.get_untracked();
    let by_id: std::collections::HashMap<u64, &Picture> = gallery
        .iter()
        .map(|picture| (picture.id, picture))
        .collect();
    let pictures: Option<Vec<Picture>> = (ids.iter())
        .map(|id| by_id.get(id).copied().cloned())
        .collect();
    let pictures = pictures.filter(|pictures| !pictures.is_empty());
    Ok((pictures.ok_or_else(gone)?, values))
}
