//! Drawing the map.

use std::f64::consts::TAU;

use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d;

use super::camera::Camera;
use super::scene::{Dot, Ink, Role, Scene};
use super::theme::Theme;
use super::thumbnails::Thumbnails;
use crate::page::components::tile::Verdict;

/// Height of thumbnails, in pixels: smaller ones show nothing, larger ones hide their neighbours.
const HEIGHT: std::ops::RangeInclusive<f64> = 30.0..=150.0;

/// Thumbnails that are drawn at most.
const MOST: usize = 400;

/// Dots that are set off from each other at most: it takes as long as all the rest.
const OUTLINED: usize = 1000;

/// What a drawing is made of.
pub struct Drawing<'a> {
    /// Where to.
    pub context: &'a CanvasRenderingContext2d,
    /// What.
    pub scene: &'a Scene,
    /// Seen from where.
    pub camera: &'a Camera,
    /// Colours.
    pub theme: &'a Theme,
    /// Copies of pictures.
    pub thumbnails: &'a Thumbnails,
    /// Their size, where pictures are drawn in place of dots.
    pub size: Option<[f64; 2]>,
    /// The picture that is pointed at.
    pub chosen: Option<u64>,
}

/// Size of thumbnails where those in view have room for them.
pub fn thumbnail_size(scene: &Scene, camera: &Camera) -> Option<[f64; 2]> {
    let seen = (scene.dots.iter()).filter(|dot| camera.sees(camera.on_screen(dot.now), 0.0));
    let seen = seen.count().max(1);
    let room = (camera.size[0] * camera.size[1] / seen as f64).sqrt();
    let height = (0.55 * room).min(*HEIGHT.end());
    (seen <= MOST && height >= *HEIGHT.start()).then_some([height / 2.0, height])
}

impl Drawing<'_> {
    /// Draws everything that is seen.
    pub fn draw(&self) -> Result<(), JsValue> {
        let [width, height] = self.camera.size;
        self.context.clear_rect(0.0, 0.0, width, height);
        let (plain, special): (Vec<&Dot>, Vec<&Dot>) = (self.scene.dots.iter())
            .filter(|dot| self.camera.sees(self.camera.on_screen(dot.now), 60.0))
            .partition(|dot| dot.role == Role::Other && Some(dot.picture.id) != self.chosen);
        match self.size {
            Some(size) => {
                for dot in plain {
                    self.thumbnail(dot, size)?;
                }
            }
            None => self.dots(&plain)?,
        }
        let mut special = special;
        // The best come on top of the others, the query on top of all but what is pointed at.
        special.sort_by_key(|dot| {
            let rank = match dot.role {
                _ if Some(dot.picture.id) == self.chosen => 3,
                Role::Query => 2,
                Role::Marked | Role::Other => 1,
            };
            (rank, std::cmp::Reverse(dot.place))
        });
        for dot in special {
            match self.size {
                Some(size) => self.thumbnail(dot, size)?,
                None => self.marked(dot)?,
            }
        }
        Ok(())
    }

    /// Dots of the same ink in one go.
    fn dots(&self, dots: &[&Dot]) -> Result<(), JsValue> {
        let (context, radius) = (self.context, self.radius());
        let outlined = dots.len() <= OUTLINED;
        context.set_stroke_style_str(&self.theme.card);
        context.set_line_width(1.0);
        for same in dots.chunk_by(|a, b| a.ink == b.ink) {
            self.fill_with(same[0].ink);
            context.begin_path();
            for dot in same {
                let [x, y] = self.camera.on_screen(dot.now);
                context.move_to(x + radius, y);
                context.arc(x, y, radius, 0.0, TAU)?;
            }
            context.fill();
            context.set_global_alpha(1.0);
            if outlined {
                context.stroke();
            }
        }
        Ok(())
    }

    /// A dot that stands out.
    fn marked(&self, dot: &Dot) -> Result<(), JsValue> {
        let context = self.context;
        let [x, y] = self.camera.on_screen(dot.now);
        let radius = self.radius() * 1.4 + if dot.role == Role::Query { 3.0 } else { 1.0 };
        context.begin_path();
        context.arc(x, y, radius, 0.0, TAU)?;
        self.fill_with(dot.ink);
        context.fill();
        context.set_global_alpha(1.0);
        context.set_stroke_style_str(self.frame(dot));
        context.set_line_width(if dot.role == Role::Query { 4.0 } else { 2.5 });
        context.stroke();
        self.label(dot, [x + radius + 3.0, y])
    }

    fn thumbnail(&self, dot: &Dot, [width, height]: [f64; 2]) -> Result<(), JsValue> {
        let context = self.context;
        let [x, y] = self.camera.on_screen(dot.now);
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        match self.thumbnails.get(dot.picture.id) {
            Some(copy) => context.draw_image_with_html_canvas_element_and_dw_and_dh(
                copy, left, top, width, height,
            )?,
            None => {
                context.set_fill_style_str(&self.theme.track);
                context.fill_rect(left, top, width, height);
            }
        }
        let special = dot.role != Role::Other || Some(dot.picture.id) == self.chosen;
        context.set_line_width(match special {
            true => (width / 8.0).clamp(2.5, 4.0),
            false => 1.5,
        });
        match (special, dot.ink) {
            (true, _) => context.set_stroke_style_str(self.frame(dot)),
            (false, Ink::Identity(hue)) => context.set_stroke_style_str(&self.theme.hue(hue)),
            (false, Ink::Score(_)) => {
                context.set_global_alpha(dot.ink.opacity());
                context.set_stroke_style_str(&self.theme.accent);
            }
        }
        context.stroke_rect(left, top, width, height);
        context.set_global_alpha(1.0);
        self.label(dot, [left, top])
    }

    /// What is written at a picture that stands out.
    fn label(&self, dot: &Dot, [left, middle]: [f64; 2]) -> Result<(), JsValue> {
        let text = match (dot.role, dot.place) {
            (Role::Query, _) => "Query".to_string(),
            (Role::Marked, Some(place)) => place.to_string(),
            _ => return Ok(()),
        };
        let context = self.context;
        context.set_font(&format!("700 11px {}", self.theme.font));
        context.set_text_baseline("middle");
        let width = context.measure_text(&text)?.width() + 8.0;
        context.set_fill_style_str(self.frame(dot));
        context.fill_rect(left, middle - 8.0, width, 16.0);
        context.set_fill_style_str(match dot.role {
            Role::Query => &self.theme.accent_text,
            _ => &self.theme.card,
        });
        context.fill_text(&text, left + 4.0, middle + 0.5)
    }

    /// The colour around what stands out.
    fn frame(&self, dot: &Dot) -> &str {
        match (dot.role, dot.verdict) {
            (Role::Query, _) => &self.theme.accent,
            (Role::Marked, Verdict::Right) => &self.theme.right,
            _ => &self.theme.text,
        }
    }

    fn fill_with(&self, ink: Ink) {
        self.context.set_global_alpha(ink.opacity());
        match ink {
            Ink::Identity(hue) => self.context.set_fill_style_str(&self.theme.hue(hue)),
            Ink::Score(_) => self.context.set_fill_style_str(&self.theme.accent),
        }
    }

    fn radius(&self) -> f64 {
        let [width, height] = self.camera.size;
        let room = (width * height / self.scene.dots.len().max(1) as f64).sqrt();
        let radius = (room / 8.0).clamp(2.2, 6.0);
        (radius * (1.0 + 0.2 * self.camera.zoom().log2())).min(9.0)
    }
}
