//! A photo with a box on it that the visitor draws, moves and resizes.

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html::{Div, Img};
use leptos::prelude::*;

use crate::page::frame::{Frame, Pair, Sides};

/// Pixels of the screen below which a drag was a click.
const CLICK: f64 = 6.0;

/// Sides that the handles move, and the handles' classes.
const HANDLES: [(Sides, &str); 8] = [
    ((-1, -1), "handle nw"),
    ((0, -1), "handle n"),
    ((1, -1), "handle ne"),
    ((1, 0), "handle e"),
    ((1, 1), "handle se"),
    ((0, 1), "handle s"),
    ((-1, 1), "handle sw"),
    ((-1, 0), "handle w"),
];

/// What the pointer is doing, and where on the photo it began.
#[derive(Clone, Copy)]
enum Drag {
    Draw(Pair),
    Move(Pair, Frame),
    Resize(Sides, Pair, Frame),
}

/// The photo and the box.
#[component]
pub fn Stage(
    /// Address of the photo.
    url: String,
    /// Its name.
    name: String,
    /// The shown photo.
    image: NodeRef<Img>,
    /// The box; none until one was drawn.
    frame: RwSignal<Option<Frame>>,
    /// Hears that the photo cannot be shown.
    on_broken: Callback<()>,
) -> impl IntoView {
    let stage = NodeRef::<Div>::new();
    // Width and height of the photo; 1 by 1 until they are known.
    let size = RwSignal::new((1.0, 1.0));
    let drag = RwSignal::new(None::<Drag>);
    let at = move |event: &PointerEvent| {
        let shown = image.get_untracked()?.get_bounding_client_rect();
        let (width, height) = size.get_untracked();
        let across = (f64::from(event.client_x()) - shown.left()) / shown.width();
        let down = (f64::from(event.client_y()) - shown.top()) / shown.height();
        Some((across * width, down * height))
    };
    let begin = move |event: &PointerEvent, sides: Option<Sides>| {
        let Some(at) = at(event).filter(|_| event.is_primary() && event.button() == 0) else {
            return;
        };
        // Else the browser drags the picture or scrolls.
        event.prevent_default();
        event.stop_propagation();
        if let Some(stage) = stage.get_untracked() {
            let _ = stage.focus();
            // The pointer may leave the photo. A pointer that is gone already needs no capture.
            let _ = stage.set_pointer_capture(event.pointer_id());
        }
        let inside = |frame: &Frame| {
            (frame.left..=frame.left + frame.width).contains(&at.0)
                && (frame.top..=frame.top + frame.height).contains(&at.1)
        };
        drag.set(Some(match (sides, frame.get_untracked()) {
            (Some(sides), Some(frame)) => Drag::Resize(sides, at, frame),
            (_, Some(frame)) if inside(&frame) => Drag::Move(at, frame),
            _ => Drag::Draw(at),
        }));
    };
    let go = move |event: PointerEvent| {
        let (Some(drag), Some(to)) = (drag.get_untracked(), at(&event)) else {
            return;
        };
        let photo = size.get_untracked();
        let by = |from: Pair| (to.0 - from.0, to.1 - from.1);
        let scale = image.get_untracked().map_or(1.0, |image| {
            photo.0 / image.get_bounding_client_rect().width().max(1.0)
        });
        let next = match drag {
            Drag::Draw(from) => {
                let (across, down) = by(from);
                if across.abs().max(down.abs()) < CLICK * scale {
                    return;
                }
                Frame::between(from, to, photo)
            }
            Drag::Move(from, frame) => frame.moved(by(from), photo),
            Drag::Resize(sides, from, frame) => frame.resized(sides, by(from), photo),
        };
        frame.set(Some(next));
    };
    let step = move |event: KeyboardEvent| {
        let (across, down) = match event.key().as_str() {
            "ArrowUp" => (0.0, -1.0),
            "ArrowDown" => (0.0, 1.0),
            "ArrowLeft" => (-1.0, 0.0),
            "ArrowRight" => (1.0, 0.0),
            _ => return,
        };
        event.prevent_default();
        let photo = size.get_untracked();
        // One key press is a hundredth of the photo.
        let length = (photo.0.max(photo.1) / 100.0).round().max(1.0);
        let by = (across * length, down * length);
        frame.update(|frame| {
            *frame = Some(match *frame {
                None => Frame::middle(photo),
                Some(frame) if event.shift_key() => frame.resized((1, 1), by, photo),
                Some(frame) => frame.moved(by, photo),
            });
        });
    };
    let percent = |part: f64, whole: f64| format!("{:.4}%", 100.0 * part / whole);
    let drawn = move || frame.get().unwrap_or_else(|| Frame::middle(size.get()));
    let handles = HANDLES.map(|(sides, class)| {
        view! { <i class=class on:pointerdown=move |event| begin(&event, Some(sides))></i> }
    });
    let described = move || match frame.get() {
        Some(frame) => format!("Box of {:.0} × {:.0} pixels", frame.width, frame.height),
        None => "No box yet".to_string(),
    };
    view! {
        <div class="stage-room">
            <div
                class="stage"
                id="stage"
                node_ref=stage
                tabindex="0"
                role="group"
                style=("--wide", move || size.get().0.to_string())
                style=("--high", move || size.get().1.to_string())
                aria-roledescription="photo to crop"
                aria-label=format!("{name}. Arrow keys move the box, Shift and arrow keys resize it.")
                on:pointerdown=move |event| begin(&event, None)
                on:pointermove=go
                on:pointerup=move |_| drag.set(None)
                on:pointercancel=move |_| drag.set(None)
                on:keydown=step
            >
                <img
                    src=url
                    alt=""
                    draggable="false"
                    node_ref=image
                    on:load:target=move |event| {
                        let image = event.target();
                        size.set((image.natural_width().into(), image.natural_height().into()));
                    }
                    on:error=move |_| on_broken.run(())
                />
                <div
                    class="frame"
                    class:hidden=move || frame.get().is_none()
                    style:left=move || percent(drawn().left, size.get().0)
                    style:top=move || percent(drawn().top, size.get().1)
                    style:width=move || percent(drawn().width, size.get().0)
                    style:height=move || percent(drawn().height, size.get().1)
                >
                    {handles}
                </div>
            </div>
        </div>
        <p class="muted" id="box" role="status">{described}</p>
    }
}
