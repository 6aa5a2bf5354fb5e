//! Progress, results in one line, and everything that went wrong.

use leptos::prelude::*;

use crate::page::state::{Engine, Model, Phase, State};

/// Files that are named at most: all of a large folder may be broken.
const LINES: usize = 100;

/// The page's voice.
#[component]
pub fn Status(state: State) -> impl IntoView {
    let text = move || describe(state.main);
    let share = move || share(state.main);
    let error = move || error(state.main);
    let problems = move || {
        let all = state.problems.get();
        let more = all.len().saturating_sub(LINES);
        let lines = all.into_iter().take(LINES);
        let lines = lines.map(|(name, reason)| view! { <li><b>{name}</b>": " {reason}</li> });
        let more = (more > 0).then(|| view! { <li>{format!("and {more} more files")}</li> });
        (lines.collect_view(), more)
    };
    let silent = move || error().is_none() && state.problems.with(Vec::is_empty);
    view! {
        <div class="state">
            <p id="status" role="status" aria-live="polite">{text}</p>
            <progress max="1" aria-labelledby="status" prop:value=move || share().unwrap_or(0.0) class:hidden=move || share().is_none()>
            </progress>
            <div id="error" role="alert" class:hidden=silent>
                {move || error().map(|reason| view! { <p>{reason}</p> })}
                <ul>{problems}</ul>
            </div>
        </div>
    }
}

/// What an engine is doing, in words.
pub fn describe(engine: Engine) -> String {
    match (&engine.phase.get(), &engine.model.get()) {
        (Phase::Failed(_), _) => "Not ranked".to_string(),
        (Phase::Done(seconds), _) => {
            let hits = engine.ranking;
            let count = hits.with(|hits| hits.as_ref().map_or(0, Vec::len));
            format!("{count} pictures ranked in {seconds:.1} s")
        }
        (_, Model::Failed(_)) => "No model".to_string(),
        (_, Model::Loading(_, 0)) => "Starting".to_string(),
        (_, Model::Loading(bytes, total)) if bytes == total => "Preparing the model".to_string(),
        (_, Model::Loading(bytes, total)) => format!(
            "Loading the model: {:.1} of {:.1} MB",
            *bytes as f64 / 1e6,
            *total as f64 / 1e6
        ),
        (Phase::Working(done, total), _) => format!("Comparing: {done} of {total} pictures"),
        (Phase::Idle, _) => "Ready".to_string(),
    }
}

/// Share of what is going on that is done, 0 to 1.
pub fn share(engine: Engine) -> Option<f64> {
    match (engine.model.get(), engine.phase.get()) {
        (Model::Loading(bytes, total), _) => Some(bytes as f64 / total.max(1) as f64),
        (_, Phase::Working(done, total)) => Some(done as f64 / total.max(1) as f64),
        _ => None,
    }
}

/// Why it has no answer.
pub fn error(engine: Engine) -> Option<String> {
    match (engine.phase.get(), engine.model.get()) {
        (Phase::Failed(reason), _) | (_, Model::Failed(reason)) => Some(reason),
        _ => None,
    }
}
