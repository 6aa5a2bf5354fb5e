//! Ground and walls behind a person: one ray per pixel into the camera's place.

use super::camera::Place;
use super::colour::{Rgb, mixed, scaled};
use super::domain::{Backdrop, Ground};
use super::maths;
use super::noise::{cell, smooth};
use super::view::View;

/// The place's picture, row-major, `width` x `height`; the view's pixels are `scale` times finer.
pub fn render(place: &Place, view: &View, width: usize, height: usize, scale: f32) -> Vec<Rgb> {
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let ray = view.ray((x as f32 + 0.5) * scale, (y as f32 + 0.5) * scale);
            let eye = view.eye;
            let to_ground = if ray[1] < -1e-4 {
                -eye[1] / ray[1]
            } else {
                f32::MAX
            };
            let to_wall = if place.backdrop == Backdrop::Open {
                60.0
            } else {
                place.wall
            } / ray[2].max(1e-3);
            pixels.push(if to_ground <= to_wall {
                let (gx, gz) = (eye[0] + ray[0] * to_ground, eye[2] + ray[2] * to_ground);
                let rgb = ground(place, gx, gz);
                // What is far fades.
                let fade = ((gz - 15.0) / 60.0).clamp(0.0, 0.5);
                mixed(rgb, place.far, fade)
            } else {
                let (wx, wy) = (eye[0] + ray[0] * to_wall, eye[1] + ray[1] * to_wall);
                wall(place, wx, wy)
            });
        }
    }
    pixels
}

/// 1 on a joint of a unit grid, 0 in the middle of a tile; `soft` is the joint's half width.
fn joint(u: f32, v: f32, soft: f32) -> f32 {
    let near = |c: f32| {
        let f = c - c.floor();
        f.min(1.0 - f)
    };
    (1.0 - near(u).min(near(v)) / soft).clamp(0.0, 1.0)
}

fn ground(place: &Place, x: f32, z: f32) -> Rgb {
    let (sin, cos) = maths::sin_cos(place.line_turn);
    let across = z * cos + x * sin;
    let (mut kind, mut base) = (place.ground, place.ground_colour);
    if let Some((other, rgb, offset)) = place.verge
        && across > offset + 0.15 * smooth(place.seed ^ 9, x * 2.0, z * 2.0)
    {
        (kind, base) = (other, rgb);
    }
    let mut rgb = texture(place, kind, base, x, z);
    if let Some((paint, offset, width)) = place.line {
        let inside = (width / 2.0 - (across - offset).abs()) / 0.04;
        rgb = mixed(rgb, paint, 0.8 * inside.clamp(0.0, 1.0));
    }
    // Stains and wear.
    let wear =
        smooth(place.seed ^ 5, x * 0.6, z * 0.6) + 0.5 * smooth(place.seed ^ 6, x * 2.0, z * 2.0);
    rgb = scaled(rgb, 0.86 + 0.18 * wear);
    if place.dapple > 0.0 {
        let leaf = smooth(place.seed ^ 7, x * 0.5, z * 0.5)
            + 0.35 * smooth(place.seed ^ 8, x * 2.2, z * 2.2);
        let shade = ((leaf - 0.62) * 6.0).clamp(0.0, 1.0);
        rgb = scaled(rgb, 1.0 - 0.5 * shade * place.dapple);
    }
    rgb
}

fn texture(place: &Place, kind: Ground, base: Rgb, x: f32, z: f32) -> Rgb {
    let seed = place.seed;
    let (sin, cos) = maths::sin_cos(place.turn);
    let (u, v) = (
        (x * cos - z * sin) / place.tile,
        (x * sin + z * cos) / place.tile,
    );
    match kind {
        Ground::Paving => {
            let tone = 0.93 + 0.14 * cell(seed, u, v) - 0.22 * joint(u, v, 0.05);
            scaled(base, tone + 0.06 * (smooth(seed, x * 18.0, z * 18.0) - 0.5))
        }
        Ground::Cobbles => {
            let shift = if (v.floor() as i32) % 2 == 0 {
                0.5
            } else {
                0.0
            };
            let u = u + shift;
            scaled(
                base,
                0.85 + 0.3 * cell(seed, u, v) - 0.35 * joint(u, v, 0.16),
            )
        }
        Ground::Floor => {
            let gloss = smooth(seed ^ 3, x * 1.4, z * 0.35);
            let shine = ((gloss - 0.55) * 2.5).clamp(0.0, 1.0);
            mixed(
                scaled(
                    base,
                    0.97 + 0.06 * cell(seed, u, v) - 0.16 * joint(u, v, 0.025),
                ),
                [0.97, 0.95, 0.9],
                0.4 * shine,
            )
        }
        Ground::Asphalt => {
            let grain = smooth(seed, x * 24.0, z * 24.0) - 0.5;
            scaled(
                base,
                1.0 + 0.2 * grain + 0.16 * (smooth(seed ^ 2, x * 1.1, z * 0.7) - 0.5),
            )
        }
        Ground::Grass => {
            let blade = smooth(seed, x * 22.0, z * 14.0) - 0.5;
            let patch = smooth(seed ^ 2, x * 1.3, z * 1.3);
            let rgb = mixed(
                base,
                [0.5, 0.42, 0.29],
                ((patch - 0.5) * 2.2).clamp(0.0, 0.8),
            );
            let leaf = cell(seed ^ 4, x * 11.0, z * 11.0);
            let rgb = if leaf > 0.95 {
                mixed(rgb, [0.75, 0.62, 0.4], 0.7)
            } else {
                rgb
            };
            scaled(rgb, 1.0 + 0.65 * blade)
        }
    }
}

fn wall(place: &Place, x: f32, y: f32) -> Rgb {
    let (seed, base) = (place.seed, place.wall_colour);
    match place.backdrop {
        Backdrop::Open => mixed(
            place.far,
            [0.3, 0.36, 0.28],
            if smooth(seed, x * 0.25, 0.0) * 6.0 > y {
                0.7
            } else {
                0.0
            },
        ),
        Backdrop::Bricks => {
            let row = y / 0.16;
            let shift = if (row.floor() as i32) % 2 == 0 {
                0.5
            } else {
                0.0
            };
            let u = x / 0.36 + shift;
            scaled(
                base,
                0.88 + 0.24 * cell(seed, u, row) - 0.2 * joint(u, row, 0.1),
            )
        }
        Backdrop::Panels => {
            let (u, v) = (x / 1.3, y / 2.4);
            let window = (v - v.floor()) > 0.42 && (u - u.floor()) > 0.3 && cell(seed, u, v) > 0.35;
            let rgb = if window {
                mixed([0.2, 0.25, 0.3], place.far, cell(seed ^ 1, u, v) * 0.6)
            } else {
                base
            };
            scaled(
                rgb,
                0.96 + 0.08 * smooth(seed, x * 3.0, y * 3.0) - 0.3 * joint(u, v, 0.02),
            )
        }
        Backdrop::Shops => {
            let (u, v) = (x / 1.7, y / 2.6);
            if y < 0.35 || joint(u, v, 0.05) > 0.0 {
                return scaled(base, 0.55);
            }
            let bay = cell(seed, u, 0.0);
            let glow = mixed([0.25, 0.24, 0.24], [0.95, 0.88, 0.74], bay);
            let goods = smooth(seed ^ 1, x * 4.0, y * 3.0);
            let hue = [
                cell(seed ^ 2, x * 2.5, y * 1.6),
                cell(seed ^ 3, x * 2.5, y * 1.6),
                cell(seed ^ 4, x * 2.5, y * 1.6),
            ];
            mixed(glow, hue, if goods > 0.55 { 0.5 } else { 0.08 })
        }
        Backdrop::Hedge => {
            let leaf =
                smooth(seed, x * 9.0, y * 9.0) * 0.6 + smooth(seed ^ 1, x * 3.0, y * 3.0) * 0.6;
            scaled([0.2, 0.28, 0.14], 0.35 + 1.1 * leaf)
        }
    }
}
