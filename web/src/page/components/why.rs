//! Which parts of the query and a hit look alike.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::modal::Modal;
use super::reminds::Reminds;
use crate::page::picture::Picture;
use crate::page::state::{State, Why as Asked};
use crate::protocol::Parts;

/// A window over the page, open while a hit is to be understood.
#[component]
pub fn Why(state: State) -> impl IntoView {
    let open = Signal::derive(move || state.why.with(Option::is_some));
    let close = Callback::new(move |()| state.why.set(None));
    view! {
        <Modal id="why" title="Where they match" open on_close=close>
            {move || state.why.get().map(content)}
        </Modal>
    }
}

fn content(asked: Asked) -> AnyView {
    match asked.parts {
        None => view! { <p class="muted" role="status">"Comparing"</p> }.into_any(),
        Some(Err(reason)) => view! { <p class="notice" role="alert">{reason}</p> }.into_any(),
        Some(Ok(parts)) => {
            // Side, 0 for the query, and part.
            let chosen = RwSignal::new(None::<(usize, usize)>);
            let reminds = parts.reminds.clone();
            let parts = StoredValue::new(parts);
            view! {
                <p class="muted">
                    "Bright: a part that has its like in the other picture. Point at a part, or move with the arrow keys, to see where. What the model compares are small squares, each with its surroundings."
                </p>
                <div class="matched">
                    {side("Query", 0, asked.query, parts, chosen)}
                    {side("Hit", 1, asked.hit, parts, chosen)}
                </div>
                {reminds.map(|found| view! { <Reminds found /> })}
            }
            .into_any()
        }
    }
}

type Chosen = RwSignal<Option<(usize, usize)>>;

/// One of the two pictures under squares as dark as they are unlike.
fn side(
    title: &'static str,
    side: usize,
    picture: Picture,
    parts: StoredValue<Parts>,
    chosen: Chosen,
) -> impl IntoView {
    let (rows, columns) = parts.with_value(|parts| (parts.rows, parts.columns));
    let squares = (0..rows * columns).map(|part| {
        let dark = move || {
            let alike = parts.with_value(|parts| brightness(parts, side, part, chosen.get()));
            format!("{:.3}", 0.85 * (1.0 - alike.clamp(0.0, 1.0)))
        };
        view! {
            <i
                style=("--dark", dark)
                class:chosen=move || chosen.get() == Some((side, part))
                on:pointerenter=move |_| chosen.set(Some((side, part)))
            ></i>
        }
    });
    let squares = squares.collect_view();
    let at = RwSignal::new(rows / 2 * columns + columns / 2);
    let step = move |event: KeyboardEvent| {
        let (row, column) = (at.get_untracked() / columns, at.get_untracked() % columns);
        let (row, column) = match event.key().as_str() {
            "ArrowUp" => (row.saturating_sub(1), column),
            "ArrowDown" => ((row + 1).min(rows - 1), column),
            "ArrowLeft" => (row, column.saturating_sub(1)),
            "ArrowRight" => (row, (column + 1).min(columns - 1)),
            _ => return,
        };
        event.prevent_default();
        at.set(row * columns + column);
        chosen.set(Some((side, at.get_untracked())));
    };
    view! {
        <figure>
            <div
                class="under"
                tabindex="0"
                role="img"
                aria-label=format!("{title}: {}. Arrow keys choose a part.", picture.name)
                style:aspect-ratio=format!("{columns} / {rows}")
                on:pointerleave=move |_| chosen.set(None)
                on:focus=move |_| chosen.set(Some((side, at.get_untracked())))
                on:blur=move |_| chosen.set(None)
                on:keydown=step
            >
                <img src=picture.url.to_string() alt="" />
                <div class="squares" style=("--columns", columns.to_string())>
                    {squares}
                </div>
            </div>
            <figcaption class="caption">{format!("{title} · {}", picture.name)}</figcaption>
        </figure>
    }
}

/// How bright a part is, 0 to 1: at rest as its best match; else as it matches the chosen part
/// of the other picture. The chosen part's own picture is bright.
fn brightness(parts: &Parts, side: usize, part: usize, chosen: Option<(usize, usize)>) -> f32 {
    let count = parts.rows * parts.columns;
    let alike = |other: usize| match side {
        0 => parts.similarity[part * count + other],
        _ => parts.similarity[other * count + part],
    };
    match chosen {
        None => (0..count).map(alike).fold(0.0, f32::max),
        Some((own, _)) if own == side => 1.0,
        Some((_, other)) => alike(other),
    }
}
