//! A second model's answer to the same query, beside the first's.

use std::collections::HashSet;

use leptos::prelude::*;

use super::gallery::TOP;
use super::status;
use super::tile::{Verdict, body};
use crate::page::state::{Engine, Ranking, State};

/// Hits shown at most: a comparison is about the first places.
const MOST: usize = 30;

/// The second model's column; nothing while there is none.
#[component]
pub fn Beside(state: State) -> impl IntoView {
    // Progress that moves must not make the column anew.
    let on = Memo::new(move |_| state.beside.is_on());
    move || on.get().then(|| view! { <Column state /> })
}

#[component]
fn Column(state: State) -> impl IntoView {
    let engine = state.beside;
    let share = move || status::share(engine);
    let error = move || {
        let reason = status::error(engine).or(engine.notice.get());
        reason.map(|reason| view! { <p class="notice" role="alert" id="beside-error">{reason}</p> })
    };
    view! {
        <section class="card beside" aria-label="Second model">
            <div class="heading">
                <h2>"Beside: "{move || engine.title()}</h2>
                <button class="button" id="compare-no-more" type="button" on:click=move |_| state.compare_no_more()>
                    "Stop comparing"
                </button>
            </div>
            <p class="muted" id="beside-status" role="status" aria-live="polite">{move || status::describe(engine)}</p>
            <progress max="1" aria-labelledby="beside-status" prop:value=move || share().unwrap_or(0.0) class:hidden=move || share().is_none()>
            </progress>
            {error}
            {move || agreement(state).map(|text| view! { <p class="agreement" id="agreement">{text}</p> })}
            {move || measures(state)}
            <ol id="beside-results" class="hits">{move || hits(state)}</ol>
        </section>
    }
}

/// Heads the first model's answer while there is a second.
#[component]
pub fn First(state: State) -> impl IntoView {
    move || (state.beside.is_on()).then(|| view! { <h3 class="first">{state.main.title()}</h3> })
}

/// Pictures that both models have among their first hits.
#[derive(Clone, Copy)]
struct Both(Memo<HashSet<u64>>);

/// Finds them for all tiles of the page; to be called once.
pub fn provide_both(state: State) {
    let both = Memo::new(move |_| {
        // Looked at first: without a second model there is nothing to compare.
        if !state.beside.is_on() {
            return HashSet::new();
        }
        let answers = answer(state, state.main).zip(answer(state, state.beside));
        let Some((first, second)) = answers else {
            return HashSet::new();
        };
        let first = ids(&first);
        ids(&second).intersection(&first).copied().collect()
    });
    provide_context(Both(both));
}

/// Whether both models have a picture among their first hits.
pub fn is_in_both(id: u64) -> bool {
    use_context::<Both>().is_some_and(|both| both.0.with(|both| both.contains(&id)))
}

fn ids(hits: &Ranking) -> HashSet<u64> {
    let first = hits.iter().take(TOP);
    first.map(|(picture, _)| picture.id).collect()
}

fn answer(state: State, engine: Engine) -> Option<Ranking> {
    let ranked = engine.ranking.with(Option::is_some);
    ranked.then(|| state.shown(engine).hits())
}

/// How far the two answers agree.
fn agreement(state: State) -> Option<String> {
    let (first, second) = (answer(state, state.main)?, answer(state, state.beside)?);
    let top = TOP.min(first.len()).min(second.len());
    let same = ids(&first).intersection(&ids(&second)).count();
    Some(format!(
        "{same} of the first {top} pictures are the same with both models; their places are ringed."
    ))
}

/// Measures of both models on the labelled pictures of the gallery.
fn measures(state: State) -> Option<impl IntoView> {
    let (first, second) = (state.main.metrics.get()?, state.beside.metrics.get()?);
    let percent = |share: f64| format!("{:.1}\u{a0}%", 100.0 * share);
    let rows = [
        ("Rank-1", first.rank(1), second.rank(1)),
        ("Rank-5", first.rank(5), second.rank(5)),
        ("mAP", first.map, second.map),
        ("mINP", first.minp, second.minp),
    ];
    let rows = rows.into_iter().map(|(name, first, second)| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class:better={first > second}>{percent(first)}</td>
                <td class:better={second > first} data-value=second.to_string()>{percent(second)}</td>
            </tr>
        }
    });
    Some(view! {
        <table class="figures" id="beside-measures">
            <caption>"Whole gallery, every labelled picture as a query"</caption>
            <thead>
                <tr>
                    <td></td>
                    <th scope="col">{state.main.title()}</th>
                    <th scope="col">{state.beside.title()}</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    })
}

fn hits(state: State) -> Option<impl IntoView> {
    let hits = answer(state, state.beside)?;
    let query = state.query.get_untracked();
    let first = answer(state, state.main).unwrap_or_default();
    let tiles = hits.into_iter().take(MOST).enumerate();
    let tiles = tiles.map(|(index, (picture, score))| {
        let there = first.iter().position(|(other, _)| other.id == picture.id);
        let id = picture.id;
        let verdict = Verdict::of(query.as_ref(), &picture);
        let there = there.map(|there| {
            view! {
                <span class="number there" title="Its place with the first model">
                    {format!("there {}", there + 1)}
                </span>
            }
        });
        let rating = view! {
            <span class="place">{index + 1}</span>
            {verdict.mark()}
            <span class="score">
                <span class="number" title="Cosine similarity">{format!("{score:.3}")}</span>
                {there}
            </span>
        };
        let name = picture.name.to_string();
        view! {
            <li
                class=format!("result {}", verdict.class())
                class:both=move || is_in_both(id)
                data-name=name
                data-score=score.to_string()
            >
                {body(state, picture, Some(rating.into_any()))}
            </li>
        }
    });
    Some(tiles.collect_view())
}
