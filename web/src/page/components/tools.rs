//! What of an answer is shown, and in which order.

use leptos::prelude::*;

use crate::page::picture::Picture;
use crate::page::state::State;

/// How many hits can be shown.
const TOPS: [usize; 4] = [10, 20, 50, 100];

/// Number of hits, cut-off, what to do about cameras, and re-ranking; only once there is an answer.
#[component]
pub fn Tools(state: State) -> impl IntoView {
    let ranked = move || state.main.ranking.with(Option::is_some);
    let knows_camera = move || {
        state
            .query
            .with(|query| query.as_ref().and_then(Picture::camera).is_some())
    };
    let again = Callback::new(move |()| state.rank());
    let has_cameras = Memo::new(move |_| state.has_cameras());
    let top = move |count: Option<usize>| {
        let text = count.map_or("all".to_string(), |count| count.to_string());
        let selected = move || state.top.get() == count;
        view! { <option value=text.clone() prop:selected=selected>{text.clone()}</option> }
    };
    let meaning = move || {
        let cutoff = state.cutoff.get();
        if cutoff <= -1.0 {
            return "any".to_string();
        }
        match state.main.calibration() {
            Some(map) => format!("{cutoff:.2} · {:.0} %", 100.0 * map.probability(cutoff)),
            None => format!("{cutoff:.2}"),
        }
    };
    view! {
        <div class="tools" class:hidden=move || !ranked()>
            <label class="tool">
                "Show"
                <select
                    id="top"
                    on:change:target=move |event| state.top.set(event.target().value().parse().ok())
                >
                    {TOPS.into_iter().map(|count| top(Some(count))).collect_view()}
                    {top(None)}
                </select>
            </label>
            <label class="tool">
                "Least score"
                <input
                    id="cutoff"
                    type="range"
                    min="-1"
                    max="1"
                    step="0.01"
                    prop:value=move || state.cutoff.get().to_string()
                    on:input:target=move |event| state.cutoff.set(event.target().value().parse().unwrap_or(-1.0))
                />
                <output class="number" for="cutoff">{meaning}</output>
            </label>
            <Tick
                id="other-cameras"
                text="Other cameras only"
                about="Leaves out what the query's own camera saw"
                on=state.other_cameras
                hidden=Signal::derive(move || !knows_camera())
            />
            <Tick
                id="normalize-cameras"
                text="Even out cameras"
                about="Every camera has its own colours and angle, which make its pictures look alike. Their average is taken out, as far as the gallery shows it: the more pictures of each camera, the better"
                on=state.normalize_cameras
                hidden=Signal::derive(move || !has_cameras.get())
                then=again
            />
            <Tick
                id="rerank"
                text="Re-rank"
                about="k-reciprocal re-ranking: pictures with the same neighbours as the query move up"
                on=state.rerank
                then=again
            />
        </div>
    }
}

/// A box to tick.
#[component]
fn Tick(
    id: &'static str,
    text: &'static str,
    /// What it does, for those who rest on it.
    about: &'static str,
    on: RwSignal<bool>,
    #[prop(into, default = Signal::stored(false))] hidden: Signal<bool>,
    /// What is to be done once it has changed.
    #[prop(optional)]
    then: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <label class="tool" class:hidden=hidden title=about>
            <input
                id=id
                type="checkbox"
                prop:checked=on
                on:change:target=move |event| {
                    on.set(event.target().checked());
                    if let Some(then) = then {
                        then.run(());
                    }
                }
            />
            {text}
        </label>
    }
}
