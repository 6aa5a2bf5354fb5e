//! A grid of tiles, of which only those near the window exist: galleries may be large.

use leptos::html::Ol;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlOListElement, ResizeObserver};

use super::tile::{Rating, Tile, Verdict};
use crate::page::picture::Picture;
use crate::page::state::{Engine, Phase, Shown, State};

/// Rows that exist above and below the window.
const OVERSCAN: usize = 4;

/// Tiles that are made in one go: a hundred would block the page for longer than a visitor
/// does not notice.
const AT_ONCE: usize = 12;

/// How the browser has laid the grid out, and which part of it is in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    columns: usize,
    /// From one row to the next, in pixels.
    row: f64,
    /// From the grid's top down to the window's.
    above: f64,
    window: f64,
}

/// Until a tile was measured: enough for a window, so that the page looks complete at once.
const FIRST: Layout = Layout {
    columns: 8,
    row: 260.0,
    above: 0.0,
    window: 900.0,
};

/// A picture in the list, by all that its tile shows.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    place: usize,
    picture: Picture,
    rating: Option<Rating>,
}

/// Picture, place, label, score and verdict.
type Key = (u64, usize, Option<(i32, u32)>, Option<(u32, Verdict)>);

/// The pictures that an engine's answer shows, in rank order, or the gallery as it was chosen.
#[component]
pub fn Tiles(
    state: State,
    engine: Engine,
    /// Id of the list.
    id: &'static str,
    /// What of the answer is shown.
    shown: Memo<Shown>,
) -> impl IntoView {
    let list = NodeRef::<Ol>::new();
    let layout = RwSignal::new(FIRST);
    let count = move || shown.with(|shown| shown.count);
    // Another answer has other tiles, and other columns break the lines elsewhere.
    let columns = Memo::new(move |_| layout.with(|layout| layout.columns));
    let kind = Memo::new(move |before: Option<&u32>| {
        engine.ranking.track();
        columns.track();
        before.map_or(0, |before| before + 1)
    });
    let frames = RwSignal::new(());
    let built = Memo::new(move |before: Option<&(u32, (usize, usize))>| {
        frames.track();
        let before = before.filter(|before| before.0 == kind.get());
        let range = grown(before.map(|before| before.1), &layout.get(), count());
        (kind.get(), range)
    });
    let range = Memo::new(move |_| built.get().1);
    let busy = Memo::new(move |_| range.get() != layout.get().range(count()));
    let awaited = StoredValue::new(false);
    Effect::new(move || {
        range.track();
        if busy.get() && !awaited.get_value() {
            awaited.set_value(true);
            request_animation_frame(move || {
                // A second model's tiles may be gone by then.
                awaited.try_set_value(false);
                frames.try_set(());
            });
        }
    });
    let look = move || {
        if let Some(now) = list.get_untracked().and_then(|list| measure(&list))
            && now != layout.get_untracked()
        {
            layout.set(now);
        }
    };
    // What stands for the rows that do not exist, so that the page is as long as it would be.
    let before = move || {
        let layout = layout.get();
        format!("{}px", layout.height(range.get().0))
    };
    let after = move || {
        let layout = layout.get();
        let missing = layout.height(count()) - layout.height(range.get().1);
        format!("{missing}px")
    };
    let entries = move || {
        let (begin, end) = range.get();
        // The ranking changes along with the query, so this is the query it answers.
        state.relabelled.track();
        let query = state.query.get_untracked();
        let calibration = engine.calibration();
        let entry = |(place, (picture, score)): (usize, &(Picture, Option<f32>))| Entry {
            place,
            picture: picture.clone(),
            rating: score.map(|score| Rating {
                score,
                probability: calibration.map(|map| map.probability(score)),
                verdict: Verdict::of(query.as_ref(), picture),
            }),
        };
        shown.with(|shown| {
            let end = end.min(shown.count);
            let pictures = &shown.pictures[begin.min(end)..end];
            let all: Vec<Entry> = (begin..).zip(pictures).map(entry).collect();
            all
        })
    };
    let _ = window_event_listener(leptos::ev::scroll, move |_| look());
    let _ = window_event_listener(leptos::ev::resize, move |_| look());
    Effect::new(move || {
        if let Some(list) = list.get() {
            watch(&list, look);
        }
    });
    Effect::new(move || {
        // Other tiles may have another height.
        shown.with(|shown| (shown.ranked, shown.count));
        request_animation_frame(look);
    });
    let phase = move || match engine.phase.get() {
        Phase::Idle => "idle",
        Phase::Working(..) => "working",
        Phase::Done(_) => "done",
        Phase::Failed(_) => "error",
    };
    view! {
        <ol
            class="tiles"
            id=id
            node_ref=list
            data-state=phase
            aria-busy=move || busy.get().to_string()
            style:padding-top=before
            style:padding-bottom=after
        >
            <For each=entries key=Entry::key let:entry>
                <Tile state picture=entry.picture place=entry.place + 1 of=Signal::derive(count) rating=entry.rating />
            </For>
        </ol>
    }
}

impl Entry {
    /// The same for tiles that show the same, which are reused.
    fn key(&self) -> Key {
        let label = self.picture.label;
        let rating = self.rating.as_ref();
        (
            self.picture.id,
            self.place,
            label.map(|label| (label.identity, label.camera)),
            rating.map(|rating| (rating.score.to_bits(), rating.verdict)),
        )
    }
}

impl Layout {
    /// First tile in the window.
    fn first(self, count: usize) -> usize {
        let rows = count.div_ceil(self.columns);
        // Numbers below 0 become 0.
        let row = (self.above / self.row).floor() as usize;
        row.min(rows.saturating_sub(1)) * self.columns
    }

    /// First and one past the last of `count` tiles that are to exist.
    fn range(self, count: usize) -> (usize, usize) {
        let first = self.first(count);
        let window = (self.window / self.row).ceil() as usize + 1;
        let last = first + (window + OVERSCAN) * self.columns;
        let first = first.saturating_sub(OVERSCAN * self.columns);
        (first, last.min(count))
    }

    /// Height of the rows of so many tiles.
    fn height(self, tiles: usize) -> f64 {
        tiles.div_ceil(self.columns) as f64 * self.row
    }
}

/// First and one past the last of `count` tiles that exist from now on, as many more than
/// `before` as are made in one go.
fn grown(before: Option<(usize, usize)>, layout: &Layout, count: usize) -> (usize, usize) {
    let columns = layout.columns;
    let step = AT_ONCE.div_ceil(columns) * columns;
    let (first, last) = layout.range(count);
    let there = before.map(|(begin, end)| (begin.max(first), end.min(last)));
    match there.filter(|(begin, end)| begin < end) {
        Some((begin, end)) => {
            let lower = last.min(end + step);
            let upper = begin.saturating_sub(step - (lower - end));
            (upper.max(first), lower)
        }
        // What is seen comes first.
        None => {
            let seen = layout.first(count);
            (seen, last.min(seen + step))
        }
    }
}

/// Looks at the grid; none while it is empty or hidden.
fn measure(list: &HtmlOListElement) -> Option<Layout> {
    let style = window().get_computed_style(list).ok()??;
    let columns = style.get_property_value("grid-template-columns").ok()?;
    let gap = style.get_property_value("row-gap").ok()?;
    let gap: f64 = gap.trim_end_matches("px").parse().unwrap_or(0.0);
    let tile = list.first_element_child()?.get_bounding_client_rect();
    let row = tile.height() + gap;
    let height = window().inner_height().ok()?.as_f64()?;
    (tile.height() > 0.0).then(|| Layout {
        columns: columns.split_whitespace().count().max(1),
        row,
        above: -list.get_bounding_client_rect().top(),
        window: height,
    })
}

/// Looks whenever the list or anything above it has another size, as long as the page lives.
fn watch(list: &HtmlOListElement, look: impl Fn() + 'static) {
    let look = Closure::<dyn Fn()>::new(look).into_js_value();
    let Ok(observer) = ResizeObserver::new(look.unchecked_ref()) else {
        return;
    };
    observer.observe(list);
    if let Some(body) = document().body() {
        observer.observe(body.unchecked_ref::<Element>());
    }
}
