//! Things that stand in a place: behind people, or in front of them as occluders.

use super::canvas::{Canvas, capsule, ellipse, polygon};
use super::colour::{self, Rgb, scaled};
use super::maths;
use super::stream::Stream;
use super::view::{Vec3, View};

/// Kinds of things.
#[derive(Clone, Copy, PartialEq)]
pub enum PropKind {
    Pole,
    Tree,
    Car,
    Bollard,
    Bench,
    Planter,
    Bicycle,
}

/// One thing at its place.
#[derive(Clone, Copy)]
pub struct Prop {
    kind: PropKind,
    /// Foot point, metres.
    pub at: Vec3,
    colour: Rgb,
    size: f32,
}

impl Prop {
    /// Draws colour and size of a thing at `at`.
    pub fn draw(kind: PropKind, at: Vec3, s: &mut Stream) -> Self {
        let base = match kind {
            PropKind::Car => s.pick(&[
                [0.75, 0.75, 0.76],
                [0.12, 0.12, 0.13],
                [0.5, 0.1, 0.1],
                [0.2, 0.25, 0.4],
                [0.85, 0.85, 0.85],
            ]),
            PropKind::Tree => [0.3, 0.24, 0.19],
            PropKind::Planter => s.pick(&[[0.5, 0.47, 0.44], [0.4, 0.25, 0.18], [0.7, 0.7, 0.68]]),
            PropKind::Bench => [0.42, 0.3, 0.2],
            PropKind::Bicycle => s.pick(&[
                [0.1, 0.1, 0.1],
                [0.6, 0.15, 0.15],
                [0.2, 0.3, 0.5],
                [0.75, 0.75, 0.75],
            ]),
            PropKind::Pole | PropKind::Bollard => {
                s.pick(&[[0.3, 0.31, 0.32], [0.55, 0.55, 0.55], [0.2, 0.26, 0.22]])
            }
        };
        Self {
            kind,
            at,
            colour: colour::dyed(base, 0.1, s),
            size: s.within((0.8, 1.2)),
        }
    }

    /// Lays the thing on the canvas, facing the camera.
    pub fn lay(&self, canvas: &mut Canvas, view: &View, light: f32) {
        let unit = view.scale(self.at);
        let spot = |x: f32, y: f32| {
            let [ax, ay, az] = self.at;
            view.project([ax + x * self.size, ay + y * self.size, az])
        };
        let block = |canvas: &mut Canvas, x: (f32, f32), y: (f32, f32), rgb: Rgb| {
            let corners = [
                spot(x.0, y.0),
                spot(x.1, y.0),
                spot(x.1, y.1),
                spot(x.0, y.1),
            ];
            canvas.fill(polygon(&corners), rgb);
        };
        let rgb = self.colour;
        // Everything stands in its own small shadow.
        canvas.fill(ellipse(spot(0.0, 0.0), 0.35 * unit, 0.08 * unit), [0.0; 3]);
        canvas.lay(0.22);
        match self.kind {
            PropKind::Pole => block(canvas, (-0.06, 0.06), (0.0, 4.5), rgb),
            PropKind::Bollard => {
                block(canvas, (-0.1, 0.1), (0.0, 0.85), rgb);
                block(canvas, (-0.1, 0.1), (0.65, 0.75), [0.8, 0.78, 0.7]);
            }
            PropKind::Tree => {
                block(canvas, (-0.17, 0.17), (0.0, 3.0), rgb);
                canvas.round(light, 1.4);
                canvas.lay(1.0);
                for k in 0..5 {
                    let x = (k as f32 - 2.0) * 0.45;
                    let y = 3.0 + 0.3 * ((k * 7 % 5) as f32);
                    canvas.fill(
                        ellipse(spot(x, y), 0.6 * unit, 0.5 * unit),
                        [0.2, 0.27 + 0.02 * k as f32, 0.13],
                    );
                }
            }
            PropKind::Car => {
                for x in [-0.9, 0.9] {
                    canvas.fill(ellipse(spot(x, 0.3), 0.3 * unit, 0.3 * unit), [0.06; 3]);
                }
                block(canvas, (-1.6, 1.6), (0.3, 0.85), rgb);
                let cabin = [
                    spot(-1.1, 0.85),
                    spot(1.2, 0.85),
                    spot(0.85, 1.4),
                    spot(-0.75, 1.4),
                ];
                canvas.fill(polygon(&cabin), scaled(rgb, 0.9));
                let glass = [
                    spot(-0.95, 0.9),
                    spot(1.05, 0.9),
                    spot(0.78, 1.33),
                    spot(-0.68, 1.33),
                ];
                canvas.fill(polygon(&glass), [0.16, 0.19, 0.22]);
                block(canvas, (-1.6, 1.6), (0.3, 0.42), scaled(rgb, 0.6));
            }
            PropKind::Bench => {
                block(canvas, (-0.8, 0.8), (0.38, 0.46), rgb);
                block(canvas, (-0.8, 0.8), (0.6, 0.85), scaled(rgb, 0.9));
                for x in [-0.7, 0.65] {
                    block(canvas, (x, x + 0.06), (0.0, 0.85), [0.15; 3]);
                }
            }
            PropKind::Planter => {
                block(canvas, (-0.4, 0.4), (0.0, 0.5), rgb);
                for k in 0..6 {
                    let x = (k as f32 - 2.5) * 0.14;
                    let y = 0.55 + 0.12 * ((k * 5 % 3) as f32);
                    canvas.fill(
                        ellipse(spot(x, y), 0.15 * unit, 0.14 * unit),
                        [0.16, 0.28 + 0.03 * (k % 3) as f32, 0.14],
                    );
                }
            }
            PropKind::Bicycle => {
                let tyre = 0.025 * unit;
                for x in [-0.52, 0.52] {
                    let rim: Vec<_> = (0..=16)
                        .map(|k| std::f32::consts::TAU * k as f32 / 16.0)
                        .map(|angle| {
                            spot(
                                x + 0.33 * maths::cos(angle),
                                0.33 + 0.33 * maths::sin(angle),
                            )
                        })
                        .collect();
                    for pair in rim.windows(2) {
                        canvas.fill(capsule(pair[0], tyre, pair[1], tyre), [0.08; 3]);
                    }
                }
                let (rear, front) = (spot(-0.52, 0.33), spot(0.52, 0.33));
                let (seat, crank, bar) = (spot(-0.2, 0.85), spot(-0.08, 0.3), spot(0.38, 0.9));
                for (a, b) in [
                    (rear, seat),
                    (seat, crank),
                    (crank, rear),
                    (crank, bar),
                    (seat, bar),
                    (bar, front),
                ] {
                    canvas.fill(capsule(a, tyre, b, tyre), rgb);
                }
                canvas.fill(
                    capsule(spot(-0.3, 0.92), tyre * 1.6, spot(-0.1, 0.92), tyre),
                    [0.08; 3],
                );
            }
        }
        canvas.round(light, 0.8);
        canvas.lay(1.0);
    }
}
