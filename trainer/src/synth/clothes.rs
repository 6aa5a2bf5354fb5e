//! The upper garment: cut, opening, folds.

use super::canvas::{Canvas, Spot, capsule, polygon};
use super::colour::{Rgb, WHITE, scaled};
use super::identity::{Identity, UpperKind};
use super::pattern::pattern;
use super::pose::Pose;
use super::stream::Stream;
use super::surface::Surface;
use super::view::{Vec3, View};

/// What is needed to draw one person in one picture.
pub struct Scene<'a> {
    pub identity: &'a Identity,
    pub pose: &'a Pose,
    pub view: &'a View,
    /// Where the light comes from in the picture: -1 left, 1 right.
    pub light: f32,
    /// How strongly light models the body.
    pub relief: f32,
}

impl Scene<'_> {
    /// Pixels per stature.
    pub fn unit(&self) -> f32 {
        self.pose.pixels(self.view)
    }

    /// A tapered limb through world points with radii in statures.
    pub fn limb(&self, canvas: &mut Canvas, joints: &[(Vec3, f32)], rgb: Rgb) {
        let unit = self.unit();
        for pair in joints.windows(2) {
            let (a, b) = (self.view.project(pair[0].0), self.view.project(pair[1].0));
            canvas.fill(capsule(a, pair[0].1 * unit, b, pair[1].1 * unit), rgb);
        }
    }
}

/// Soft random folds over a region.
pub fn folds(canvas: &mut Canvas, from: Spot, to: Spot, reach: f32, count: usize, s: &mut Stream) {
    for _ in 0..count {
        let t = s.unit();
        let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
        let start = (x + s.bell() * reach * 0.6, y + s.bell() * reach * 0.3);
        let bend = (
            start.0 + s.bell() * reach * 0.5,
            start.1 + s.within((0.1, 0.6)) * reach,
        );
        let end = (
            bend.0 + s.bell() * reach * 0.4,
            bend.1 + s.within((0.1, 0.5)) * reach,
        );
        let dark = s.chance(0.65);
        let width = reach * s.within((0.08, 0.28));
        let alpha = s.within((0.06, 0.2));
        let rgb = if dark { [0.0; 3] } else { [1.0; 3] };
        canvas.crease(
            &[start, bend, end],
            width,
            rgb,
            if dark { alpha } else { alpha * 0.5 },
        );
    }
}

/// The surface of the upper garment.
pub fn upper_surface<'a>(scene: &Scene<'a>) -> Surface<'a> {
    let id = scene.identity;
    let cut = match id.upper {
        UpperKind::TShirt => (0.007, 0.55, 0.0),
        UpperKind::Shirt => (0.008, 0.6, 0.05),
        UpperKind::Sweater => (0.012, 0.7, 0.0),
        UpperKind::Hoodie => (0.016, 0.85, 0.0),
        UpperKind::Jacket => (0.017, 0.85, 0.05),
        UpperKind::Coat => (0.019, 0.75, 0.13),
        UpperKind::Dress => (0.006, 0.05, 0.28),
    };
    Surface::new(id, scene.pose, scene.view, (0.846, id.hem), cut)
}

/// What is worn beneath and hangs out below the upper garment.
pub fn layer(canvas: &mut Canvas, scene: &Scene, stream: &mut Stream) {
    let id = scene.identity;
    let span = (id.hem + 0.06, id.hem - id.layer);
    let surface = Surface::new(id, scene.pose, scene.view, span, (0.009, 0.6, 0.1));
    for path in surface.outline() {
        canvas.fill(path, id.inner_colour);
    }
    let (top, low) = (
        surface.at(surface.middle(0.5), 0.4),
        surface.at(surface.middle(1.0), 1.0),
    );
    folds(canvas, top, low, 0.05 * scene.unit(), 3, stream);
    canvas.round(scene.light, scene.relief);
}

/// Draws the upper garment on the trunk.
pub fn upper(canvas: &mut Canvas, scene: &Scene, surface: &Surface, stream: &mut Stream) {
    let id = scene.identity;
    for path in surface.outline() {
        canvas.fill(path, id.upper_colour);
    }
    // The inside of the collar reads darker than the cloth.
    canvas.tint(surface.band(0.0, 0.03), scaled(id.upper_colour, 0.7), 1.0);
    pattern(canvas, scene, surface);
    front(canvas, scene, surface);
    let unit = scene.unit();
    let (top, low) = (
        surface.at(surface.middle(0.3), 0.15),
        surface.at(surface.middle(1.0), 0.9),
    );
    folds(canvas, top, low, 0.11 * unit, 9, stream);
    // Cloth gathers dark under the chest and at the hem.
    canvas.tint(surface.band(0.95, 1.0), [0.0; 3], 0.16);
    canvas.round(scene.light, scene.relief);
}

/// Openings, zips, buttons, pockets, belts: the middle of the front.
fn front(canvas: &mut Canvas, scene: &Scene, surface: &Surface) {
    let id = scene.identity;
    if id.open > 0.0 {
        let t = ((0.846 - 0.5) / (0.846 - id.hem)).min(1.0);
        canvas.tint(
            surface.patch((-id.open, id.open), (0.0, t)),
            id.inner_colour,
            1.0,
        );
        canvas.tint(
            surface.patch((-id.open, id.open), (t, 1.0)),
            id.lower_colour,
            1.0,
        );
        let edge = scaled(id.upper_colour, 0.7);
        for side in [-1.0, 1.0] {
            let from = id.open * side;
            let to = from + 0.1 * side;
            canvas.tint(
                surface.patch((from.min(to), from.max(to)), (0.0, 1.0)),
                edge,
                0.8,
            );
        }
        return;
    }
    match id.upper {
        UpperKind::Jacket | UpperKind::Coat => {
            // Shirt and lapels above a closed front.
            let wedge = [
                surface.at(-0.5, 0.02),
                surface.at(0.5, 0.02),
                surface.at(0.0, 0.2),
            ];
            if surface.visibility(0.0, 0.1) > 0.2 {
                canvas.tint(polygon(&wedge), id.inner_colour, 1.0);
            }
            let zip = if id.weave & 2 == 0 {
                id.second_colour
            } else {
                scaled(id.upper_colour, 0.6)
            };
            canvas.tint(surface.patch((-0.05, 0.05), (0.15, 1.0)), zip, 0.8);
            if id.weave & 4 == 0 {
                let belt = scaled(id.upper_colour, 0.55);
                canvas.tint(
                    surface.band(0.52, 0.57),
                    belt,
                    if id.upper == UpperKind::Coat {
                        0.9
                    } else {
                        0.0
                    },
                );
            }
        }
        UpperKind::Shirt => {
            canvas.tint(
                surface.patch((-0.05, 0.05), (0.05, 1.0)),
                scaled(id.upper_colour, 0.8),
                0.8,
            );
            canvas.tint(
                surface.patch((0.25, 0.65), (0.28, 0.38)),
                scaled(id.upper_colour, 0.85),
                0.7,
            );
        }
        UpperKind::Hoodie => {
            canvas.tint(
                surface.patch((-0.7, 0.7), (0.68, 0.9)),
                scaled(id.upper_colour, 0.82),
                0.8,
            );
            for side in [-0.16, 0.13] {
                canvas.tint(surface.patch((side, side + 0.05), (0.06, 0.3)), WHITE, 0.7);
            }
        }
        UpperKind::TShirt | UpperKind::Dress | UpperKind::Sweater => {
            let neck = [
                surface.at(-0.9, 0.0),
                surface.at(-0.4, 0.07),
                surface.at(0.4, 0.07),
                surface.at(0.9, 0.0),
            ];
            if surface.visibility(0.0, 0.1) > 0.1 && id.upper != UpperKind::Sweater {
                canvas.tint(polygon(&neck), id.skin, 1.0);
            }
            if id.upper == UpperKind::Dress && id.weave & 1 == 0 {
                canvas.tint(surface.band(0.43, 0.48), id.second_colour, 1.0);
            }
        }
    }
}
