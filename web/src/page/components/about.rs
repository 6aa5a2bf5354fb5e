//! Foot of the page: the model, and how to read a score.

use leptos::prelude::*;

use super::delete::Delete;
use crate::page::state::{Model, State};
use crate::protocol::{Choice, ModelCard, ModelEntry};

/// The model's card.
#[component]
pub fn About(state: State) -> impl IntoView {
    let card = move || match state.main.model.get() {
        Model::Started(started) => Some(table(state, started.model, started.models)),
        _ => None,
    };
    view! {
        <footer class="about">
            <p>
                "A score is the cosine similarity of two embeddings: 1 means alike in all that the model looks at. It measures likeness, which is not proof of identity."
            </p>
            {card}
            <Delete state />
        </footer>
    }
}

fn table(state: State, model: ModelCard, models: Vec<ModelEntry>) -> impl IntoView {
    let facts = model.facts.into_iter();
    let rows = facts.map(|(what, value)| view! { <div><dt>{what}</dt><dd>{value}</dd></div> });
    let meaning = model.calibration.map(|map| {
        view! {
            <p>
                {format!("A percentage is the probability that both pictures show the same person, where {:.3} % of all pairs of a query and a gallery image do. It was learned from the pictures that the model was calibrated on; for other cameras it may be too high or too low.", 100.0 * map.prior)}
            </p>
        }
    });
    let current = model.name;
    let choice = (models.len() > 1).then(|| {
        let options = models.into_iter().map(|entry| {
            let selected = entry.name == current;
            view! { <option value=entry.name selected=selected>{entry.title}</option> }
        });
        view! {
            <label class="choice">
                "Model"
                <select id="model" on:change:target=move |event| state.choose_model(Choice::Named(event.target().value()))>
                    {options.collect_view()}
                </select>
            </label>
        }
    });
    view! {
        {meaning}
        {choice}
        <details>
            <summary>{format!("About the model: {}", model.title)}</summary>
            <dl>{rows.collect_view()}</dl>
        </details>
    }
}
