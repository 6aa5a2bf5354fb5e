//! The keyboard on the map.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::NEARER;
use super::chart::{Chart, Inside};
use crate::page::state::State;

/// Pixels that an arrow key moves the map.
const STEP: f64 = 60.0;

/// Does what a key asks for; `said` is read out.
pub fn press(state: State, chart: Chart, said: RwSignal<String>, event: &KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let act: fn(&mut Inside) -> Option<String> = match event.key().as_str() {
        "ArrowLeft" => |inside| pan(inside, [STEP, 0.0]),
        "ArrowRight" => |inside| pan(inside, [-STEP, 0.0]),
        "ArrowUp" => |inside| pan(inside, [0.0, STEP]),
        "ArrowDown" => |inside| pan(inside, [0.0, -STEP]),
        "+" | "=" => |inside| zoom(inside, NEARER),
        "-" | "_" => |inside| zoom(inside, 1.0 / NEARER),
        "Home" => |inside| {
            inside.camera.reset();
            Some("The whole map".to_string())
        },
        "n" | "N" | "]" => |inside| {
            let moved = inside.walk.next(&inside.scene);
            arrive(inside, moved)
        },
        "p" | "P" | "[" => |inside| {
            let moved = inside.walk.back();
            arrive(inside, moved)
        },
        "Escape" => |inside| {
            inside.walk.end();
            None
        },
        "Enter" => {
            event.prevent_default();
            let chosen = chart.change(|inside| inside.chosen().map(|dot| dot.picture.clone()));
            if let Some(Some(picture)) = chosen {
                said.set(format!("Looking for {}", picture.name));
                state.look_for(picture);
            }
            return;
        }
        _ => return,
    };
    event.prevent_default();
    if let Some(Some(words)) = chart.change(act) {
        said.set(words);
    }
}

fn pan(inside: &mut Inside, by: [f64; 2]) -> Option<String> {
    inside.camera.pan(by);
    None
}

fn zoom(inside: &mut Inside, factor: f64) -> Option<String> {
    // Where a picture is chosen, it stays where it is.
    let fixed = inside.chosen().map(|dot| inside.camera.on_screen(dot.now));
    let fixed = fixed.unwrap_or(inside.camera.middle());
    inside.camera.zoom_at(fixed, factor);
    Some(format!("Zoom {:.1}", inside.camera.zoom()))
}

/// Shows and names the picture that the walk has reached.
fn arrive(inside: &mut Inside, moved: bool) -> Option<String> {
    inside.under = None;
    if !moved {
        return Some("No further picture this way".to_string());
    }
    let at = inside.chosen()?.now;
    inside.camera.reveal(at);
    let dot = inside.chosen()?;
    Some(format!("{}: {}", dot.picture.name, dot.words()))
}
