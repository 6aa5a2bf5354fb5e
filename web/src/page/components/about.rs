//! Foot of the page: the model, and how to read a score.

use dcac_model::retrieval::Calibration;
use leptos::prelude::*;

use super::delete::Delete;
use crate::page::state::{Model, State};
use crate::protocol::ModelCard;

/// The model's card.
#[component]
pub fn About(state: State) -> impl IntoView {
    let card = move || match state.main.model.get() {
        Model::Started(started) => Some(table(started.model, state.main.calibration())),
        _ => None,
    };
    view! {
        <footer class="about">
            <p>
                "A score is the cosine similarity of two embeddings: 1 means alike in all that the model looks at. It measures likeness, which is not proof of identity."
            </p>
            {card}
            <Delete state />
            <button class="button" id="open-models" type="button" aria-haspopup="dialog" on:click=move |_| state.models.show()>
                "Choose or compare models"
            </button>
        </footer>
    }
}

fn table(model: ModelCard, calibration: Option<Calibration>) -> impl IntoView {
    let facts = model.facts.into_iter();
    let rows = facts.map(|(what, value)| view! { <div><dt>{what}</dt><dd>{value}</dd></div> });
    let meaning = calibration.map(|map| {
        view! {
            <p>
                {format!("A percentage is the probability that both pictures show the same person, where {:.3} % of all pairs of a query and a gallery image do. It was learned from the pictures that the model was calibrated on; for other cameras it may be too high or too low.", 100.0 * map.prior)}
            </p>
        }
    });
    view! {
        {meaning}
        <details>
            <summary>{format!("About the model: {}", model.title)}</summary>
            <dl>{rows.collect_view()}</dl>
        </details>
    }
}
