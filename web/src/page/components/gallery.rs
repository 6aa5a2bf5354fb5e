//! The pictures to search, and the answer.

use dcac_model::retrieval::Metrics;
use leptos::prelude::*;

use super::beside::First;
use super::drop_zone::DropZone;
use super::export::Export;
use super::file_button::FileButton;
use super::labels::Labels;
use super::map::Map;
use super::tile::Verdict;
use super::tiles::Tiles;
use super::tools::Tools;
use super::views::{View, Views};
use crate::page::picture::Picture;
use crate::page::state::{Shown, State};

/// How many places the summary looks at.
pub(super) const TOP: usize = 10;

/// Places of pictures to come, as many as the page has before its program runs.
const GHOSTS: usize = 24;

/// The gallery in rank order, or as it was chosen.
#[component]
pub fn Gallery(
    state: State,
    /// The site's samples or why there are none, once that is known.
    shipped: RwSignal<Option<Result<Vec<Picture>, String>>>,
) -> impl IntoView {
    let take = Callback::new(move |files| state.add_files(files));
    let shown = Memo::new(move |_| state.shown(state.main));
    let labels = RwSignal::new(false);
    let own = move || state.kept.get() && !state.samples.get();
    let has_samples =
        move || shipped.with(|all| matches!(all, Some(Ok(pictures)) if !pictures.is_empty()));
    let back = move |_| {
        if let Some(Ok(pictures)) = shipped.get_untracked() {
            state.show_samples(pictures);
        }
    };
    let is_empty = move || state.gallery.with(Vec::is_empty);
    let missing = move || match (shipped.get(), is_empty()) {
        (Some(Err(reason)), true) => Some(format!("This site has no sample pictures: {reason}")),
        _ => None,
    };
    let view = RwSignal::new(View::Ranking);
    let on_map = move || view.get() == View::Map && !is_empty();
    view! {
        <DropZone class="card gallery" label="Gallery" on_files=take>
            <div class="heading">
                <h2>"Gallery"</h2>
                <p class="muted summary">{move || shown.with(|shown| summary(state, shown))}</p>
                <div class="actions">
                    <FileButton id="gallery-input" text="Add pictures" multiple=true on_files=take />
                    <FileButton id="folder-input" text="Add a folder" multiple=true folder=true on_files=take />
                    <button
                        class="button"
                        id="edit-labels"
                        type="button"
                        class:hidden=is_empty
                        on:click=move |_| labels.set(true)
                    >
                        "Labels"
                    </button>
                    <button
                        class="button"
                        id="clear"
                        type="button"
                        class:hidden=is_empty
                        on:click=move |_| state.clear_gallery()
                    >
                        "Clear"
                    </button>
                    <button
                        class="button"
                        type="button"
                        class:hidden=move || state.samples.get() || !has_samples()
                        on:click=back
                    >
                        "Show the samples"
                    </button>
                </div>
            </div>
            {move || introduction(state).map(|text| view! { <p class="intro" id="introduction">{text}</p> })}
            <p class="muted kept" id="kept" class:hidden=move || !own()>
                "Kept in this browser until you clear them."
            </p>
            <div class="taking">
                <Views view=view />
                <Export state />
            </div>
            <Tools state />
            <First state />
            {move || state.main.metrics.get().map(|found| measures(found, state.main.normalized.get()))}
            <div class:hidden=on_map>
                <Tiles state engine=state.main id="results" shown />
            </div>
            <Show when=on_map>
                <Map state />
            </Show>
            // What stands there before the program runs stays until the samples are there.
            <Show when=move || is_empty() && shipped.with(Option::is_none)>
                <div class="ghosts" aria-hidden="true">
                    {(0..GHOSTS).map(|_| view! { <i></i> }).collect_view()}
                </div>
            </Show>
            <p class="empty" class:hidden=move || !is_empty() || shipped.with(Option::is_none)>
                "Drop pictures here, or add them. One person per picture, cropped from head to feet, works best."
            </p>
            {move || missing().map(|reason| view! { <p class="notice">{reason}</p> })}
        </DropZone>
        <Labels state open=labels />
    }
}

/// What a visitor sees who has not done anything yet.
fn introduction(state: State) -> Option<String> {
    let hits = state.main.ranking.with(|hits| hits.as_ref().map(Vec::len));
    let hits = hits.filter(|_| state.samples.get())?;
    Some(format!(
        "The picture under “Query” was compared with {hits} sample pictures, here in your browser; the most alike come first. Click anyone to look for them, or add pictures of your own."
    ))
}

/// How well the gallery's pictures find each other, in the field's measures.
fn measures(metrics: Metrics, normalized: bool) -> impl IntoView {
    let percent = |share: f64| format!("{:.1}\u{a0}%", 100.0 * share);
    let text = format!(
        "Whole gallery, {} pictures as queries{}: Rank-1 {}, Rank-5 {}, Rank-10 {}, mAP {}, mINP {}",
        metrics.queries,
        if normalized {
            ", cameras evened out"
        } else {
            ""
        },
        percent(metrics.rank(1)),
        percent(metrics.rank(5)),
        percent(metrics.rank(10)),
        percent(metrics.map),
        percent(metrics.minp)
    );
    view! {
        <p
            class="muted measures"
            id="measures"
            title="Every labelled picture of a person whom another camera saw too is looked for in all others, by the protocol of the field"
            data-rank1=metrics.rank(1).to_string()
            data-map=metrics.map.to_string()
            data-minp=metrics.minp.to_string()
        >
            {text}
        </p>
    }
}

fn summary(state: State, shown: &Shown) -> String {
    if let Some((done, total)) = state.adding.get() {
        return format!("Adding pictures: {done} of {total}");
    }
    if !shown.ranked {
        return match shown.all {
            0 => String::new(),
            count if state.samples.get() => {
                format!("{count} sample pictures. Click anyone to look for them.")
            }
            1 => "1 picture".to_string(),
            count => format!("{count} pictures. Click anyone to look for them."),
        };
    }
    let (count, passed, all) = (shown.count, shown.pictures.len(), shown.all);
    let which = match (count < passed, passed < all) {
        _ if passed == 0 => return format!("None of {all} pictures is that alike."),
        (true, true) => format!("First {count} of {passed} pictures, of {all} in all. "),
        (true, false) => format!("First {count} of {all} pictures. "),
        (false, true) => format!("{count} of {all} pictures. "),
        (false, false) => String::new(),
    };
    which + &grade(state.query.get().as_ref(), &shown.pictures)
}

/// How good an answer is, as far as the names tell.
fn grade(query: Option<&Picture>, hits: &[(Picture, Option<f32>)]) -> String {
    let right =
        |(picture, _): &&(Picture, Option<f32>)| Verdict::of(query, picture) == Verdict::Right;
    match (
        hits.iter().position(|hit| right(&hit)),
        hits.iter().filter(right).count(),
    ) {
        (Some(first), all) => {
            let top = hits.iter().take(TOP).filter(right).count();
            format!(
                "First right hit at place {}; {top} of {all} pictures of this person among the first {TOP}.",
                first + 1
            )
        }
        _ => "Most alike first.".to_string(),
    }
}
