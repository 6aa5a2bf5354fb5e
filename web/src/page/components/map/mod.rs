//! The gallery in the plane: pictures that the model finds alike lie side by side.

mod camera;
mod chart;
mod draw;
mod keys;
mod pointers;
mod scene;
mod theme;
mod thumbnails;
mod walk;

use leptos::html::Canvas;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{HtmlCanvasElement, MouseEvent, PointerEvent, ResizeObserver, WheelEvent};

use crate::page::state::{Phase, State};
use crate::protocol::Request;
use chart::{Chart, Spot};
use keys::press;
use scene::Scene;

/// How much nearer a button or a double click goes.
const NEARER: f64 = 1.6;

/// The map, its buttons and what is pointed at.
#[component]
pub fn Map(state: State) -> impl IntoView {
    let canvas = NodeRef::<Canvas>::new();
    let chart = Chart::new(canvas);
    let said = RwSignal::new(String::new());
    Effect::new(move || {
        let ranked = state.main.ranking.with(Option::is_some);
        if ranked && state.main.map.with(Option::is_none) {
            state.main.ask(&Request::Map);
        }
    });
    let laid_out = Memo::new(move |_| state.main.map.with(Option::is_some));
    Effect::new(move || {
        if laid_out.get() {
            tell(state, chart);
        } else {
            chart.change(|inside| inside.scene = Scene::default());
        }
    });
    Effect::new(move || follow(state, chart));
    Effect::new(move |_: Option<Option<Watcher>>| Watcher::new(&canvas.get()?, chart));
    let layout = move || {
        state.main.map.with(|map| match map {
            Some(map) if map.done => "done",
            Some(_) => "moving",
            None => "none",
        })
    };
    let pressed = move |event: PointerEvent| {
        if event.button() == 0 {
            // Moves are heard outside of the canvas too; where not, it works inside.
            if let Some(canvas) = canvas.get_untracked() {
                let _ = canvas.set_pointer_capture(event.pointer_id());
            }
            chart.change(|inside| inside.pointers.press(event.pointer_id(), at(&event)));
        }
    };
    let moved = move |event: PointerEvent| {
        chart.change(|inside| {
            let (id, at) = (event.pointer_id(), at(&event));
            if !inside.pointers.drag(id, at, &mut inside.camera) {
                inside.under = inside.at(at).map(|dot| dot.picture.id);
            }
        });
    };
    let released = move |event: PointerEvent| {
        let clicked = chart.change(|inside| {
            let clicked = inside.pointers.release(event.pointer_id());
            let dot = inside.at(at(&event)).filter(|_| clicked);
            dot.map(|dot| dot.picture.clone())
        });
        if let Some(Some(picture)) = clicked {
            state.look_for(picture);
        }
    };
    let left = move |event: PointerEvent| {
        chart.change(|inside| {
            inside.pointers.release(event.pointer_id());
            inside.under = None;
        });
    };
    let wheel = move |event: WheelEvent| {
        // Lines and pages in pixels.
        let unit = [1.0, 16.0, 400.0][(event.delta_mode() as usize).min(2)];
        let factor = (-0.002 * unit * event.delta_y()).clamp(-1.0, 1.0).exp();
        let zoomed = chart.change(|inside| inside.camera.zoom_at(at(&event), factor));
        // Where the map can do no more, the page goes on.
        if zoomed == Some(true) {
            event.prevent_default();
        }
    };
    let zoom = move |factor: f64| {
        chart.change(|inside| inside.camera.zoom_at(inside.camera.middle(), factor));
    };
    view! {
        <div class="map" id="map" data-state=layout data-pictures=move || count(state)>
            <div class="plane">
                <canvas
                    node_ref=canvas
                    tabindex="0"
                    class:near=chart.near
                    role="application"
                    aria-roledescription="map"
                    aria-label=move || format!("Map of {} pictures", count(state))
                    aria-describedby="map-help"
                    on:pointerdown=pressed
                    on:pointermove=moved
                    on:pointerup=released
                    on:pointercancel=left
                    on:pointerleave=left
                    on:wheel=wheel
                    on:dblclick=move |event| {
                        chart.change(|inside| inside.camera.zoom_at(at(&event), NEARER));
                    }
                    on:keydown=move |event| press(state, chart, said, &event)
                    on:blur=move |_| { chart.change(|inside| inside.walk.end()); }
                ></canvas>
                <div class="zooms">
                    <button class="button" type="button" aria-label="Nearer" title="Nearer" on:click=move |_| zoom(NEARER)>"+"</button>
                    <button class="button" type="button" aria-label="Farther" title="Farther" on:click=move |_| zoom(1.0 / NEARER)>"−"</button>
                    <button
                        class="button"
                        type="button"
                        aria-label="Show the whole map"
                        title="Show the whole map"
                        on:click=move |_| { chart.change(|inside| inside.camera.reset()); }
                    >
                        "All"
                    </button>
                </div>
                {move || chart.spot.get().map(tip)}
                {move || waiting(state).map(|text| view! { <p class="waiting muted">{text}</p> })}
            </div>
            <p class="said" role="status">{said}</p>
            <p class="muted" id="map-help">
                "Pictures that the model finds alike lie together; how far apart distant groups are means little. A colour is a person where names tell; elsewhere a stronger one is more alike the query. Click a picture to look for it; drag, wheel or pinch to move. Keys: arrows move, + and − zoom, Home shows all, N and P go from picture to picture, Enter looks for it."
            </p>
        </div>
    }
}

/// Says of every picture on the map what the answer says of it.
fn tell(state: State, chart: Chart) {
    let (ranking, gallery) = (state.main.ranking.get(), state.gallery.get());
    let (query, also) = (state.query.get(), state.also.get());
    let Some(layout) = state.main.map.get_untracked() else {
        return;
    };
    chart.change(|inside| {
        inside.scene = Scene::new(
            &layout,
            &gallery,
            ranking.as_ref(),
            query.as_ref(),
            &also,
            &inside.scene,
        );
        inside.camera.extent = inside.scene.extent();
    });
}

/// Moves the pictures to where the last layout has them.
fn follow(state: State, chart: Chart) {
    let still = prefers("(prefers-reduced-motion: reduce)");
    state.main.map.with(|layout| {
        // Pictures that move on their own are for those who bear it.
        let Some(layout) = layout.as_ref().filter(|layout| layout.done || !still) else {
            return;
        };
        chart.change(|inside| {
            inside.scene.aim(layout);
            inside.camera.extent = inside.scene.extent();
            if still {
                inside.scene.move_on(1.0);
            }
        });
    });
}

fn count(state: State) -> usize {
    state
        .main
        .map
        .with(|map| map.as_ref().map_or(0, |map| map.points.len()))
}

/// Why there is no map, or not the last one yet.
fn waiting(state: State) -> Option<&'static str> {
    match (state.main.map.get(), state.main.phase.get()) {
        (Some(map), _) if map.done => None,
        (Some(_), _) => Some("Laying out"),
        (None, Phase::Working(..)) => Some("The map comes when all pictures are compared"),
        (None, Phase::Done(_)) => Some("Preparing the map"),
        (None, Phase::Idle | Phase::Failed(_)) => {
            Some("Rank the gallery first: the map is made of what the model sees in the pictures")
        }
    }
}

/// What is pointed at, beside it.
fn tip(spot: Spot) -> impl IntoView {
    let [x, y] = spot.at;
    let beside = spot.reach + 8.0;
    let left = if spot.half[0] { x + beside } else { x - beside };
    let (picture, words) = (&spot.dot.picture, spot.dot.words());
    let (url, name) = (picture.url.to_string(), picture.name.to_string());
    view! {
        <div
            class="tip"
            class:rightwards=spot.half[0]
            class:downwards=spot.half[1]
            style:left=format!("{left:.1}px")
            style:top=format!("{y:.1}px")
            data-name=name
            data-x=x
            data-y=y
            aria-hidden="true"
        >
            <img src=url alt="" />
            <p>
                <b>{name.clone()}</b>
                <span>{words}</span>
            </p>
        </div>
    }
}

/// Where an event is on the canvas.
fn at(event: &MouseEvent) -> [f64; 2] {
    [f64::from(event.offset_x()), f64::from(event.offset_y())]
}

/// Whether a media query holds.
fn prefers(query: &str) -> bool {
    let found = window().match_media(query).ok().flatten();
    found.is_some_and(|found| found.matches())
}

/// Draws again when the canvas has another size, or the page other colours.
struct Watcher {
    resized: ResizeObserver,
    recoloured: Option<web_sys::MediaQueryList>,
    _redraw: Closure<dyn Fn()>,
}

impl Watcher {
    fn new(canvas: &HtmlCanvasElement, chart: Chart) -> Option<Self> {
        let redraw = Closure::<dyn Fn()>::new(move || chart.redraw());
        let call = redraw.as_ref().unchecked_ref();
        let resized = ResizeObserver::new(call).ok()?;
        resized.observe(canvas);
        let dark = window().match_media("(prefers-color-scheme: dark)");
        let recoloured = dark.ok().flatten();
        if let Some(list) = &recoloured {
            list.set_onchange(Some(call));
        }
        Some(Self {
            resized,
            recoloured,
            _redraw: redraw,
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.resized.disconnect();
        if let Some(list) = &self.recoloured {
            list.set_onchange(None);
        }
    }
}
