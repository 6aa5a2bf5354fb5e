//! One picture of the gallery.

use leptos::prelude::*;

use super::beside;
use crate::page::picture::Picture;
use crate::page::state::State;

/// How a gallery picture relates to the query, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same person.
    Right,
    /// Another person.
    Wrong,
    /// A name, the query's or its own, does not say.
    Unknown,
}

impl Verdict {
    /// Compares what two names say.
    pub fn of(query: Option<&Picture>, picture: &Picture) -> Self {
        match (query.and_then(Picture::person), picture.label) {
            (Some(query), Some(label)) if query == label.identity => Self::Right,
            (Some(_), Some(_)) => Self::Wrong,
            _ => Self::Unknown,
        }
    }

    /// Class of a tile.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Right => "tile right",
            Self::Wrong => "tile wrong",
            Self::Unknown => "tile",
        }
    }

    /// A sign and its words.
    pub(super) fn mark(self) -> Option<impl IntoView> {
        let (sign, words) = match self {
            Self::Right => ("✓", "the same person"),
            Self::Wrong => ("✗", "another person"),
            Self::Unknown => return None,
        };
        Some(view! { <span class="mark" role="img" aria-label=words title=words>{sign}</span> })
    }
}

/// A picture of the gallery; a click looks for its person.
#[component]
pub fn Tile(state: State, picture: Picture) -> impl IntoView {
    view! { <li class="tile">{body(state, picture, None)}</li> }
}

/// A ranked picture: its place, from 1, its likeness and whether it is right.
#[component]
pub fn Hit(
    state: State,
    picture: Picture,
    place: usize,
    score: f32,
    /// The probability that it is right, where the model is calibrated.
    probability: Option<f64>,
    verdict: Verdict,
) -> impl IntoView {
    let chance = probability.map(|probability| {
        view! {
            <span class="number" title="Probability that both show the same person">
                {format!("{:.0} %", 100.0 * probability)}
            </span>
        }
    });
    let rating = view! {
        <span class="place">{place}</span>
        {verdict.mark()}
        <span class="score">
            <span class="bar" aria-hidden="true">
                <span class="fill" style:width=format!("{:.1}%", 100.0 * score.clamp(0.0, 1.0))></span>
            </span>
            <span class="number" title="Cosine similarity">{format!("{score:.3}")}</span>
            {chance}
        </span>
    };
    let name = picture.name.to_string();
    let (hit, more) = (picture.clone(), picture.clone());
    let id = picture.id;
    view! {
        <li
            class=format!("result {}", verdict.class())
            class:both=move || beside::is_in_both(id)
            data-name=name
            data-score=score.to_string()
            data-probability=probability.map(|probability| probability.to_string())
        >
            {body(state, picture, Some(rating.into_any()))}
            <button
                type="button"
                class="ask"
                aria-label=format!("Where {} matches the query", hit.name)
                on:click=move |_| state.explain(hit.clone())
            >
                "Where?"
            </button>
            <button
                type="button"
                class="ask more"
                aria-label=format!("Average {} with the query", more.name)
                title="Average with the query"
                on:click=move |_| state.look_for_too(more.clone())
            >
                "+ query"
            </button>
        </li>
    }
}

/// A picture and what stands on it and below it; a click looks for its person.
pub(super) fn body(state: State, picture: Picture, rating: Option<AnyView>) -> impl IntoView {
    let caption = match (picture.label, picture.person()) {
        (Some(label), Some(person)) => format!("ID {person} · cam {}", label.camera),
        (Some(label), None) => format!("Unknown · cam {}", label.camera),
        (None, _) => picture.name.to_string(),
    };
    let (url, name) = (picture.url.to_string(), picture.name.to_string());
    let look = move |_| {
        state.look_for(picture.clone());
        // The best hits are at the top.
        window().scroll_to_with_x_and_y(0.0, 0.0);
    };
    view! {
        <button type="button" title=format!("Look for this person: {name}") on:click=look>
            <img src=url alt=name.clone() loading="lazy" decoding="async" />
            {rating}
            <span class="caption">{caption}</span>
        </button>
    }
}
