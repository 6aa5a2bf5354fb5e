//! One picture of the gallery.

use leptos::prelude::*;

use super::beside;
use crate::page::photo::{Photo, is_wide};
use crate::page::picture::Picture;
use crate::page::state::State;

/// How a gallery picture relates to the query, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
            (Some(_), Some(_)) if picture.is_labelled() => Self::Wrong,
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

/// What an answer says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    /// Likeness to the query.
    pub score: f32,
    /// The probability that it is right, where the model is calibrated.
    pub probability: Option<f64>,
    /// Whether it is right.
    pub verdict: Verdict,
}

/// A picture of the gallery; a click looks for its person.
#[component]
pub fn Tile(
    state: State,
    picture: Picture,
    /// Place in the list, from 1.
    place: usize,
    /// Length of the list.
    of: Signal<usize>,
    /// What the answer says of it, where there is one.
    rating: Option<Rating>,
) -> impl IntoView {
    let class = match &rating {
        Some(rating) => format!("result {}", rating.verdict.class()),
        None => "tile".to_string(),
    };
    let (name, score) = (picture.name.to_string(), rating.as_ref().map(|r| r.score));
    let probability = rating.as_ref().and_then(|rating| rating.probability);
    let actions = rating.is_some().then(|| actions(state, picture.clone()));
    let id = picture.id;
    view! {
        <li
            class=class
            class:both=move || beside::is_in_both(id)
            aria-posinset=place.to_string()
            aria-setsize=move || of.get().to_string()
            data-name=name
            data-score=score.map(|score| score.to_string())
            data-probability=probability.map(|probability| probability.to_string())
        >
            {body(state, picture, rating.map(|rating| rated(place, &rating)))}
            {actions}
        </li>
    }
}

/// Place, mark and likeness of a hit.
fn rated(place: usize, rating: &Rating) -> AnyView {
    let score = rating.score;
    let chance = rating.probability.map(|probability| {
        view! {
            <span class="number" title="Probability that both show the same person">
                {format!("{:.0} %", 100.0 * probability)}
            </span>
        }
    });
    view! {
        <span class="place">{place}</span>
        {rating.verdict.mark()}
        <span class="score">
            <span class="bar" aria-hidden="true">
                <span class="fill" style:width=format!("{:.1}%", 100.0 * score.clamp(0.0, 1.0))></span>
            </span>
            <span class="number" title="Cosine similarity">{format!("{score:.3}")}</span>
            {chance}
        </span>
    }
    .into_any()
}

/// What can be done with a hit.
fn actions(state: State, hit: Picture) -> impl IntoView {
    let more = hit.clone();
    view! {
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
    }
}

/// A picture and what stands on it and below it; a click looks for its person.
pub(super) fn body(state: State, picture: Picture, rating: Option<AnyView>) -> impl IntoView {
    let (url, name) = (picture.url.to_string(), picture.name.to_string());
    let caption = picture.caption();
    let photo = picture.clone();
    let look = move |_| {
        state.look_for(picture.clone());
        // The best hits are at the top.
        window().scroll_to_with_x_and_y(0.0, 0.0);
    };
    // Found out when the picture has arrived.
    let wide = RwSignal::new(false);
    let crop = move || {
        let photo = photo.clone();
        wide.get().then(|| view! { <CropButton state photo /> })
    };
    view! {
        <button type="button" title=format!("Look for this person: {name}") on:click=look>
            <img
                src=url
                alt=name.clone()
                loading="lazy"
                decoding="async"
                on:load:target=move |event| wide.set(is_wide(&event.target()))
            />
            {rating}
            <span class="caption">{caption}</span>
        </button>
        {crop}
    }
}

/// Opens a picture of more than a person in the cropper.
#[component]
pub fn CropButton(state: State, photo: Picture) -> impl IntoView {
    view! {
        <button
            type="button"
            class="ask cut"
            aria-label=format!("Crop a person out of {}", photo.name)
            title="This is wider than a person: crop one out of it"
            on:click=move |_| state.photo.set(Some(Photo::on_page(&photo)))
        >
            "Crop"
        </button>
    }
}
