//! Patterns of the upper garment: woven around it, or printed on the chest.

use super::canvas::{Canvas, ellipse};
use super::clothes::Scene;
use super::colour::{BLACK, Rgb, WHITE, luma, mixed};
use super::identity::{Identity, Pattern};
use super::surface::Surface;

/// What is woven into the garment or printed on it.
pub fn pattern(canvas: &mut Canvas, scene: &Scene, surface: &Surface) {
    let id = scene.identity;
    let second = id.second_colour;
    if id.back_print {
        let middle = std::f32::consts::PI;
        let wide = 0.3 + 0.1 * ((id.weave >> 20) & 3) as f32;
        let low = 0.34 + 0.05 * ((id.weave >> 22) & 3) as f32;
        canvas.tint(
            surface.patch((middle - wide, middle + wide), (0.2, low)),
            second,
            0.95,
        );
    }
    match id.pattern {
        Pattern::Plain | Pattern::Sleeves => {}
        Pattern::Hoops(count) => hoops(canvas, surface, count, second, 0.95),
        Pattern::Pinstripes(count) => verticals(canvas, surface, count, second, 0.8),
        Pattern::Check(count) => {
            hoops(canvas, surface, count + 2, second, 0.5);
            verticals(canvas, surface, count + 1, second, 0.5);
        }
        Pattern::Print(kind) => print(canvas, surface, kind, id),
        Pattern::Yoke => canvas.tint(surface.band(0.0, 0.3), second, 1.0),
        Pattern::Band => canvas.tint(surface.band(0.3, 0.52), second, 1.0),
        Pattern::Spots(size) => {
            // The weave decides where spots lie on the cloth, so every view agrees.
            let count = if size == 1 { 90 } else { 40 };
            let radius = if size == 1 { 0.009 } else { 0.019 } * scene.unit();
            let mut word = id.weave | 1;
            for _ in 0..count {
                word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let angle = (word >> 16) as f32 / 65_536.0 * std::f32::consts::TAU;
                let t = ((word >> 4) & 0xfff) as f32 / 4_096.0;
                let facing = surface.visibility(angle, t);
                if facing > 0.05 {
                    let rgb = if word & 1 == 0 {
                        second
                    } else {
                        mixed(second, id.inner_colour, 0.6)
                    };
                    canvas.tint(
                        ellipse(surface.at(angle, t), radius * facing, radius),
                        rgb,
                        0.9,
                    );
                }
            }
        }
    }
    if id.block < 1.0 {
        canvas.tint(surface.band(id.block, 1.0), second, 1.0);
    }
}

fn hoops(canvas: &mut Canvas, surface: &Surface, count: u8, rgb: Rgb, alpha: f32) {
    for k in 0..count {
        let t = (f32::from(k) + 0.45) / f32::from(count);
        canvas.tint(surface.band(t, t + 0.45 / f32::from(count)), rgb, alpha);
    }
}

fn verticals(canvas: &mut Canvas, surface: &Surface, count: u8, rgb: Rgb, alpha: f32) {
    let step = std::f32::consts::PI / f32::from(count);
    for k in 0..2 * count {
        let angle = f32::from(k) * step;
        canvas.tint(
            surface.patch((angle, angle + 0.35 * step), (0.02, 1.0)),
            rgb,
            alpha,
        );
    }
}

/// A printed block: on the chest only.
fn print(canvas: &mut Canvas, surface: &Surface, kind: u8, id: &Identity) {
    let accent = if luma(id.second_colour) > 0.5 {
        BLACK
    } else {
        WHITE
    };
    match kind {
        0 => {
            canvas.tint(
                surface.patch((-0.55, 0.55), (0.24, 0.55)),
                id.second_colour,
                1.0,
            );
            let mark = if id.weave & 1 == 0 {
                accent
            } else {
                id.inner_colour
            };
            canvas.tint(surface.patch((-0.3, 0.25), (0.3, 0.42)), mark, 0.8);
        }
        1 => {
            for line in 0..2 + id.weave % 2 {
                let t = 0.27 + 0.085 * line as f32;
                let width = 0.35 + 0.3 * ((id.weave >> (4 + line)) & 3) as f32 / 3.0;
                canvas.tint(
                    surface.patch((-width, width), (t, t + 0.05)),
                    id.second_colour,
                    1.0,
                );
            }
        }
        _ => {
            for row in 0..6 {
                let t = 0.26 + 0.05 * row as f32;
                let lift = (row as f32 - 2.5) / 3.0;
                let width = 0.52 * (1.0 - lift * lift).max(0.05).sqrt();
                canvas.tint(
                    surface.patch((-width, width), (t, t + 0.055)),
                    id.second_colour,
                    1.0,
                );
            }
            canvas.tint(
                surface.patch((-0.2, 0.22), (0.35, 0.46)),
                id.inner_colour,
                0.9,
            );
        }
    }
}
