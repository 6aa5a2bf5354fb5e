//! The models panel: what there is, what is at work, what is kept, folders of the visitor's.

use leptos::ev::{Event, Targeted};
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::drop_zone::files_of;
use super::modal::Modal;
use super::status;
use crate::page::state::{Engine, Kept, Model, State};
use crate::protocol::{Choice, ModelEntry};

/// A window over the page, open while a model is chosen.
#[component]
pub fn Models(state: State) -> impl IntoView {
    let models = state.models;
    // What has arrived may be kept by now.
    let arrived = Memo::new(move |_| {
        let there = |engine: Engine| {
            (engine.model).with(|model| matches!(model, Model::Started(_) | Model::Failed(_)))
        };
        (there(state.main), there(state.beside))
    });
    Effect::new(move || {
        if (models.open.get(), arrived.get()).0 {
            models.look_at_kept();
        }
    });
    view! {
        <Modal id="models" title="Models" open=models.open on_close=Callback::new(move |()| models.open.set(false))>
            {move || models.problem.get().map(|reason| view! { <p class="notice" role="alert" id="models-problem">{reason}</p> })}
            {move || models.open.get().then(|| view! { <Content state /> })}
        </Modal>
    }
}

#[component]
fn Content(state: State) -> impl IntoView {
    let models = state.models;
    let site = move || match models.site.get() {
        Err(reason) => {
            view! { <p class="notice">{format!("This site has no list of models: {reason}")}</p> }
                .into_any()
        }
        Ok(list) => {
            let entries = list.into_iter();
            entries
                .map(|entry| {
                    let choice = Choice::Named(entry.name.clone());
                    view! { <Entry state choice entry /> }
                })
                .collect_view()
                .into_any()
        }
    };
    let local = move || {
        let opened = models.local.get().into_iter();
        opened
            .map(|(choice, entry)| view! { <Entry state choice entry /> })
            .collect_view()
    };
    let chosen = move |event: Targeted<Event, HtmlInputElement>| {
        let input = event.target();
        models.problem.set(None);
        state.open_folder(files_of(input.files()));
        // The same folder can be chosen again.
        input.set_value("");
    };
    let progress = move || status::share(state.main).map(|_| status::describe(state.main));
    let usage = move || {
        let bytes = models.usage.get()?;
        Some(format!(
            "This site keeps about {} on this device.",
            size(bytes)
        ))
    };
    view! {
        <div class="muted" id="at-work">
            <p>{move || at_work(state.main)}</p>
            <p>{move || at_work(state.beside)}</p>
            <p role="status">{progress}</p>
        </div>
        <ul class="model-list">{site} {local}</ul>
        <div class="actions">
            <input class="file" id="model-folder" type="file" prop:webkitdirectory=true on:change:target=chosen />
            <label class="button" for="model-folder">
                "Open an exported folder"
            </label>
        </div>
        <p class="muted">
            "A folder written by `trainer export`. It is read by this browser alone and forgotten when the page is closed."
        </p>
        <p class="muted" id="usage">{usage}</p>
    }
}

/// One model.
#[component]
fn Entry(state: State, choice: Choice, entry: ModelEntry) -> impl IntoView {
    let local = matches!(choice, Choice::Local(..));
    let runs = {
        let choice = choice.clone();
        move |engine: Engine| state.runs(engine, &choice)
    };
    let (used, beside) = (runs.clone(), runs);
    let used = Memo::new(move |_| used(state.main));
    let beside = Memo::new(move |_| beside(state.beside));
    let (name, facts) = (entry.name.clone(), facts(&entry));
    let title = entry.title.clone();
    let figures = figures(&entry);
    let kept = {
        let entry = entry.clone();
        move || match (local, state.models.kept(&entry)) {
            (true, _) | (_, Kept::Nothing) => None,
            (_, kept) => Some(kept),
        }
    };
    let kept = move || {
        let (name, title) = (entry.name.clone(), entry.title.clone());
        kept().map(|kept| {
            view! {
                <p class="kept">
                    {match kept {
                        Kept::Whole => "Kept in this browser.",
                        _ => "Partly here: the download goes on where it broke off.",
                    }}
                    <button
                        class="ask remove"
                        type="button"
                        aria-label=format!("Remove the download of {title}")
                        on:click=move |_| state.models.remove(&name)
                    >
                        "Remove the download"
                    </button>
                </p>
            }
        })
    };
    let (use_it, compare) = (choice.clone(), choice);
    let (use_title, compare_title) = (title.clone(), title.clone());
    let compare_it = move |_| match beside.get_untracked() {
        true => state.compare_no_more(),
        false => state.compare_with(compare.clone()),
    };
    view! {
        <li class="model" class:current=move || used.get() data-model=name>
            <h3>
                {title}
                {move || used.get().then(|| view! { <span class="tag">"In use"</span> })}
                {move || beside.get().then(|| view! { <span class="tag">"Beside"</span> })}
                {local.then(|| view! { <span class="tag plain">"Your folder"</span> })}
            </h3>
            {facts.into_iter().map(|fact| view! { <p class="muted">{fact}</p> }).collect_view()}
            {figures}
            {kept}
            <div class="actions">
                <button
                    class="button use"
                    type="button"
                    disabled=move || used.get()
                    aria-label=format!("Use {use_title}")
                    on:click=move |_| state.choose_model(use_it.clone())
                >
                    "Use"
                </button>
                <button
                    class="button compare"
                    type="button"
                    disabled=move || used.get() && !beside.get()
                    aria-label=move || match beside.get() {
                        true => format!("Stop comparing with {compare_title}"),
                        false => format!("Compare {compare_title} beside"),
                    }
                    on:click=compare_it
                >
                    {move || if beside.get() { "Stop comparing" } else { "Compare beside" }}
                </button>
            </div>
        </li>
    }
}

/// What is known of a model, in lines.
fn facts(entry: &ModelEntry) -> Vec<String> {
    let mut size = vec![size(entry.bytes as f64)];
    size.extend((!entry.dtype.is_empty()).then(|| entry.dtype.clone()));
    let input = entry.input;
    size.extend(input.map(|input| format!("looks at {} × {} pixels", input.width, input.height)));
    let mut training = Vec::new();
    training.extend(entry.method.clone());
    if !entry.sources.is_empty() {
        training.push(format!("trained on {}", entry.sources.join(", ")));
    }
    if let (Some(images), Some(people)) = (entry.images, entry.identities) {
        training.push(format!("{images} pictures of {people} people"));
    }
    let lines = [size.join(" · "), training.join(" · ")];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// How well it did on test sets.
fn figures(entry: &ModelEntry) -> Option<impl IntoView + use<>> {
    let percent = |share: f64| format!("{:.1}\u{a0}%", 100.0 * share);
    let rows = entry.metrics.iter().map(|tested| {
        view! {
            <tr>
                <th scope="row">{tested.set.clone()}</th>
                <td>{percent(tested.rank1)}</td>
                <td>{percent(tested.map)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    (!entry.metrics.is_empty()).then(|| {
        view! {
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">"Test set"</th>
                        <th scope="col">"Rank-1"</th>
                        <th scope="col">"mAP"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
    })
}

/// An engine, its memory and its pace.
fn at_work(engine: Engine) -> Option<String> {
    let started = engine.started()?;
    let mut said = format!(
        "{}: {}, {} of memory",
        started.model.title,
        started.engine,
        size(started.memory as f64)
    );
    if let Some((pictures, seconds)) = engine.pace.get() {
        let pace = pictures as f64 / seconds.max(0.001);
        said += &format!(", {pace:.0} pictures a second over the last {pictures}");
    }
    Some(said)
}

/// Bytes in words.
fn size(bytes: f64) -> String {
    match bytes / 1e6 {
        mega if mega >= 1000.0 => format!("{:.1} GB", mega / 1000.0),
        mega if mega >= 10.0 => format!("{mega:.0} MB"),
        mega => format!("{mega:.1} MB"),
    }
}
