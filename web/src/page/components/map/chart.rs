//! The map as it is now: what it shows, and what the visitor does to it.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::camera::Camera;
use super::draw::{Drawing, thumbnail_size};
use super::pointers::Pointers;
use super::scene::{Dot, Scene};
use super::theme::Theme;
use super::thumbnails::{self, Thumbnails};
use super::walk::Walk;
use crate::page::picture::Picture;

/// Share of the rest of its way that a picture goes from one frame to the next.
const SHARE: f64 = 0.2;

/// Milliseconds beyond which a frame is slow.
const SLOW: f64 = 8.0;

/// A picture that is pointed at, and where it is on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// The picture.
    pub dot: Dot,
    /// In CSS pixels from the canvas's corner.
    pub at: [f64; 2],
    /// Half the width of what is drawn there.
    pub reach: f64,
    /// Whether it is in the left half, and in the upper half.
    pub half: [bool; 2],
}

/// A handle of the map that can be copied anywhere.
#[derive(Clone, Copy)]
pub struct Chart {
    /// What is pointed at.
    pub spot: RwSignal<Option<Spot>>,
    /// Whether only a part is seen.
    pub near: RwSignal<bool>,
    canvas: NodeRef<leptos::html::Canvas>,
    inside: StoredValue<Inside, LocalStorage>,
}

/// What is behind a handle.
#[derive(Default)]
pub struct Inside {
    /// What there is.
    pub scene: Scene,
    /// From where it is seen.
    pub camera: Camera,
    /// Fingers and the mouse.
    pub pointers: Pointers,
    /// The way of the keyboard.
    pub walk: Walk,
    /// The picture under the mouse.
    pub under: Option<u64>,
    thumbnails: Thumbnails,
    /// Size of thumbnails where there are some.
    size: Option<[f64; 2]>,
    /// Whether a frame is on its way.
    scheduled: bool,
}

impl Inside {
    /// The picture at a point of the screen.
    pub fn at(&self, point: [f64; 2]) -> Option<&Dot> {
        let index = self.scene.at(point, &self.camera, self.size)?;
        self.scene.dots.get(index)
    }

    /// The picture that is pointed at, by mouse or keyboard.
    pub fn chosen(&self) -> Option<&Dot> {
        let id = self.under.or_else(|| self.walk.current())?;
        self.scene.dots.get(self.scene.index_of(id)?)
    }
}

impl Chart {
    /// An empty map on a canvas.
    pub fn new(canvas: NodeRef<leptos::html::Canvas>) -> Self {
        Self {
            spot: RwSignal::new(None),
            near: RwSignal::new(false),
            canvas,
            inside: StoredValue::new_local(Inside::default()),
        }
    }

    /// Changes something and draws again. Nothing where the map is gone.
    pub fn change<T>(self, change: impl FnOnce(&mut Inside) -> T) -> Option<T> {
        let changed = self.inside.try_update_value(change)?;
        self.redraw();
        Some(changed)
    }

    /// Draws soon.
    pub fn redraw(self) {
        let due = self
            .inside
            .try_update_value(|inside| !std::mem::replace(&mut inside.scheduled, true));
        if due == Some(true) {
            request_animation_frame(move || self.frame());
        }
    }

    fn frame(self) {
        let Some(canvas) = self.canvas.try_get_untracked().flatten() else {
            return;
        };
        let begin = js_sys::Date::now();
        let drawn = self.inside.try_update_value(|inside| {
            inside.scheduled = false;
            let moved = inside.scene.move_on(SHARE);
            inside.paint(&canvas);
            let near = inside.camera.zoom() > 1.0;
            (moved, near, inside.spot(), inside.wanted())
        });
        let Some((moved, near, spot, wanted)) = drawn else {
            return;
        };
        if self.spot.with_untracked(|before| *before != spot) {
            self.spot.set(spot);
        }
        if self.near.get_untracked() != near {
            self.near.set(near);
        }
        for picture in wanted {
            spawn_local(async move {
                let id = picture.id;
                let copy = thumbnails::copy(picture).await;
                self.change(|inside| inside.thumbnails.finish(id, copy));
            });
        }
        // A slow machine draws fewer frames, so that it has time for everything else.
        let took = js_sys::Date::now() - begin;
        match moved {
            true if took > SLOW => {
                set_timeout(
                    move || self.redraw(),
                    Duration::from_millis(took as u64 * 2),
                );
            }
            true => self.redraw(),
            false => {}
        }
    }
}

impl Inside {
    fn paint(&mut self, canvas: &HtmlCanvasElement) {
        let bounds = canvas.get_bounding_client_rect();
        let ratio = window().device_pixel_ratio();
        self.camera.size = [bounds.width().max(1.0), bounds.height().max(1.0)];
        let [width, height] = self
            .camera
            .size
            .map(|length| (length * ratio).round() as u32);
        if (canvas.width(), canvas.height()) != (width, height) {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        let context = canvas.get_context("2d").ok().flatten();
        let (Some(context), Some(theme)) = (context, Theme::of(canvas)) else {
            return;
        };
        let context: CanvasRenderingContext2d = context.unchecked_into();
        self.size = thumbnail_size(&self.scene, &self.camera);
        let drawing = Drawing {
            context: &context,
            scene: &self.scene,
            camera: &self.camera,
            theme: &theme,
            thumbnails: &self.thumbnails,
            size: self.size,
            chosen: self.chosen().map(|dot| dot.picture.id),
        };
        // Nothing that is drawn can fail: all radii are positive, all copies have a size.
        let _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
        let _ = drawing.draw();
    }

    fn spot(&self) -> Option<Spot> {
        let dot = self.chosen().filter(|_| !self.pointers.dragging())?;
        let at = self.camera.on_screen(dot.now);
        let middle = self.camera.middle();
        self.camera.sees(at, 0.0).then(|| Spot {
            dot: dot.clone(),
            reach: self.size.map_or(10.0, |size| size[0] / 2.0),
            at,
            half: [at[0] < middle[0], at[1] < middle[1]],
        })
    }

    /// Pictures in view whose copies are missing.
    fn wanted(&mut self) -> Vec<Picture> {
        if self.size.is_none() {
            return Vec::new();
        }
        let (camera, thumbnails) = (&self.camera, &mut self.thumbnails);
        let seen = (self.scene.dots.iter())
            .filter(|dot| camera.sees(camera.on_screen(dot.now), 60.0))
            .filter(|dot| thumbnails.begin(dot.picture.id));
        seen.map(|dot| dot.picture.clone()).collect()
    }
}
