//! The trunk and the garments around it: stacked ellipses, seen from one side.
//!
//! Cloth has coordinates (angle, t): angle 0 is the middle of the front, pi/2 the left side; t
//! runs from 0 at the top to 1 at the hem. What lies on the far side is not visible, which is
//! what makes prints, zips and straps depend on the view.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use tiny_skia::Path;

use super::canvas::{Spot, polygon};
use super::identity::Identity;
use super::maths;
use super::pose::Pose;
use super::view::View;

/// A horizontal ellipse of the trunk, in statures.
#[derive(Clone, Copy)]
pub struct Ring {
    /// Height.
    pub y: f32,
    /// Half width, left to right.
    pub a: f32,
    /// Half depth, back to front.
    pub b: f32,
    /// Forward shift of the centre.
    pub z: f32,
}

/// Rings of the bare trunk from neck to crotch.
fn trunk(identity: &Identity) -> [Ring; 7] {
    let g = identity.girth;
    // Weight shows at the waist first.
    let belly = g * (0.65 + 0.35 * g);
    let (shoulder, waist, hip) = if identity.feminine {
        (identity.shoulder() + 0.012, 0.072, 0.098)
    } else {
        (identity.shoulder() + 0.014, 0.085, 0.092)
    };
    let ring = |y, a, b, z| Ring { y, a, b, z };
    [
        ring(0.852, 0.036, 0.042, -0.008),
        ring(0.832, shoulder * 0.72, 0.05 * g, -0.008),
        ring(0.806, shoulder, 0.058 * g, -0.004),
        ring(0.72, shoulder * 0.92, 0.07 * g, 0.004),
        ring(0.625, waist * belly, 0.062 * belly, 0.002),
        ring(0.53, hip * g, 0.071 * g, -0.004),
        ring(0.46, hip * g * 0.97, 0.066 * g, -0.002),
    ]
}

/// The trunk's ring at a height; below the crotch the last one continues.
fn trunk_at(rings: &[Ring; 7], y: f32) -> Ring {
    for pair in rings.windows(2) {
        if y >= pair[1].y {
            let t = ((pair[0].y - y) / (pair[0].y - pair[1].y)).clamp(0.0, 1.0);
            let mix = |p: f32, q: f32| p + (q - p) * t;
            return Ring {
                y,
                a: mix(pair[0].a, pair[1].a),
                b: mix(pair[0].b, pair[1].b),
                z: mix(pair[0].z, pair[1].z),
            };
        }
    }
    Ring { y, ..rings[6] }
}

/// A piece of cloth around the trunk in one view.
pub struct Surface<'a> {
    rings: Vec<Ring>,
    pose: &'a Pose,
    view: &'a View,
    rightward: (f32, f32),
}

impl<'a> Surface<'a> {
    /// Cloth from height `top` to `hem` (statures), `ease` away from the body, straight from
    /// chest to hem by `boxy` (0 follows the waist, 1 hangs), flaring below the hips by `flare`.
    pub fn new(
        identity: &Identity,
        pose: &'a Pose,
        view: &'a View,
        (top, hem): (f32, f32),
        (ease, boxy, flare): (f32, f32, f32),
    ) -> Self {
        let body = trunk(identity);
        let hang = (body[3].a.min(body[5].a * 1.12), body[3].b.max(body[5].b));
        let rings = (0..=9)
            .map(|step| {
                let y = top + (hem - top) * step as f32 / 9.0;
                let mut ring = trunk_at(&body, y);
                if y < body[3].y {
                    ring.a += (hang.0 - ring.a).max(0.0) * boxy;
                    ring.b += (hang.1 - ring.b).max(0.0) * boxy;
                }
                let below = (0.53 - y).max(0.0);
                ring.a += ease + flare * below;
                ring.b += ease + flare * below * 1.2;
                ring
            })
            .collect();
        Self {
            rings,
            pose,
            view,
            rightward: pose.rightward(view),
        }
    }

    fn ring(&self, t: f32) -> Ring {
        let place = t.clamp(0.0, 1.0) * (self.rings.len() - 1) as f32;
        let index = (place as usize).min(self.rings.len() - 2);
        let (p, q, k) = (
            self.rings[index],
            self.rings[index + 1],
            place - index as f32,
        );
        Ring {
            y: p.y + (q.y - p.y) * k,
            a: p.a + (q.a - p.a) * k,
            b: p.b + (q.b - p.b) * k,
            z: p.z + (q.z - p.z) * k,
        }
    }

    /// Angle of the right edge in the picture at t.
    fn edge(&self, ring: &Ring) -> f32 {
        maths::atan2(ring.a * self.rightward.0, ring.b * self.rightward.1)
    }

    /// Angle of the middle of the visible side at t.
    pub fn middle(&self, t: f32) -> f32 {
        let edge = self.edge(&self.ring(t));
        let towards = self.pose.facing(self.view, 0.0);
        // The visible half is the one whose front (angle 0) weighs as the body faces.
        let candidate = edge - FRAC_PI_2;
        if maths::cos(candidate) * towards
            + maths::sin(candidate) * self.pose.facing(self.view, FRAC_PI_2)
            >= 0.0
        {
            candidate
        } else {
            edge + FRAC_PI_2
        }
    }

    /// Pixel of a point of the cloth.
    pub fn at(&self, angle: f32, t: f32) -> Spot {
        let ring = self.ring(t);
        let local = [
            ring.a * maths::sin(angle),
            ring.y,
            ring.b * maths::cos(angle) + ring.z,
        ];
        self.view.project(self.pose.world(local))
    }

    /// How frontal a point is: 1 faces the viewer, 0 lies on the edge, negative is hidden.
    pub fn visibility(&self, angle: f32, t: f32) -> f32 {
        maths::cos(angle - self.middle(t))
    }

    /// The visible part of the patch between two angles and two heights.
    pub fn patch(&self, angles: (f32, f32), heights: (f32, f32)) -> Option<Path> {
        let half = (angles.1 - angles.0) / 2.0;
        let centre = (angles.0 + angles.1) / 2.0;
        let rows = 4;
        let mut left = Vec::with_capacity(rows + 1);
        let mut right = Vec::with_capacity(rows + 1);
        for row in 0..=rows {
            let t = heights.0 + (heights.1 - heights.0) * row as f32 / rows as f32;
            let middle = self.middle(t);
            let offset = (centre - middle + PI).rem_euclid(TAU) - PI;
            let from = (offset - half).max(-FRAC_PI_2);
            let to = (offset + half).min(FRAC_PI_2);
            if from >= to {
                continue;
            }
            left.push(self.at(middle + from, t));
            right.push(self.at(middle + to, t));
            if row == 0 || row == rows {
                // Curved ends: the ring bends with the camera's pitch.
                let arc = (1..6).map(|k| self.at(middle + from + (to - from) * k as f32 / 6.0, t));
                if row == 0 {
                    drop(left.splice(0..0, arc.rev()));
                } else {
                    left.extend(arc);
                }
            }
        }
        right.reverse();
        left.extend(right);
        polygon(&left)
    }

    /// The visible part of a whole band.
    pub fn band(&self, from: f32, to: f32) -> Option<Path> {
        let middle = self.middle((from + to) / 2.0);
        self.patch((middle - FRAC_PI_2, middle + FRAC_PI_2), (from, to))
    }

    /// The shapes whose union is the piece of cloth: its sides, top and bottom.
    pub fn outline(&self) -> [Option<Path>; 3] {
        let steps = 14;
        let mut spots = Vec::with_capacity(2 * steps + 2);
        for step in 0..=steps {
            let t = step as f32 / steps as f32;
            spots.push(self.at(self.edge(&self.ring(t)) + PI, t));
        }
        for step in (0..=steps).rev() {
            let t = step as f32 / steps as f32;
            spots.push(self.at(self.edge(&self.ring(t)), t));
        }
        let cap = |t: f32| {
            let spots: Vec<Spot> = (0..16).map(|k| self.at(TAU * k as f32 / 16.0, t)).collect();
            polygon(&spots)
        };
        [polygon(&spots), cap(0.3), cap(1.0)]
    }
}
