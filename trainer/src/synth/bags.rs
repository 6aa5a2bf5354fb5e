//! What people carry: visible from where it would be.

use std::f32::consts::PI;

use super::canvas::{Canvas, capsule, ellipse, polygon};
use super::clothes::Scene;
use super::colour::{luma, scaled};
use super::identity::Bag;
use super::surface::Surface;

/// The backpack's body on the back.
pub fn backpack(canvas: &mut Canvas, scene: &Scene, size: f32) {
    let id = scene.identity;
    let unit = scene.unit();
    let depth = 0.04 + 0.03 * size;
    let (top, low) = (0.815, 0.6 - 0.05 * size);
    let wide = 0.078 + 0.022 * size;
    let rgb = id.bag_colour;
    // A box with rounded edges: hull of capsules at its four upright edges.
    let corner = |x: f32, y: f32, z: f32| scene.view.project(scene.pose.world([x, y, z]));
    let (near, far) = (-0.07, -0.07 - depth);
    let radius = 0.022 * unit;
    for (x, z) in [(-wide, near), (wide, near), (-wide, far), (wide, far)] {
        canvas.fill(
            capsule(corner(x * 0.86, top, z), radius, corner(x, low, z), radius),
            rgb,
        );
    }
    for z in [near, far] {
        let face = [
            corner(-wide * 0.86, top + 0.012, z),
            corner(wide * 0.86, top + 0.012, z),
            corner(wide, low - 0.012, z),
            corner(-wide, low - 0.012, z),
        ];
        canvas.fill(polygon(&face), rgb);
    }
    for x in [-wide, wide] {
        let side = [
            corner(x * 0.86, top, near),
            corner(x * 0.86, top, far),
            corner(x, low, far),
            corner(x, low, near),
        ];
        canvas.fill(polygon(&side), rgb);
    }
    if scene.pose.facing(scene.view, 0.0) < 0.2 {
        // A quarter of all bags have pockets of another colour.
        let trim = if id.weave & 0x600 == 0 {
            id.bag_trim
        } else if luma(rgb) < 0.3 {
            scaled(rgb, 1.7)
        } else {
            scaled(rgb, 0.65)
        };
        let pocket = [
            corner(-wide * 0.75, low + 0.09, far - 0.012),
            corner(wide * 0.75, low + 0.09, far - 0.012),
            corner(wide * 0.8, low + 0.01, far - 0.012),
            corner(-wide * 0.8, low + 0.01, far - 0.012),
        ];
        canvas.tint(polygon(&pocket), trim, 0.7);
        let seam = [
            corner(-wide * 0.8, top - 0.05, far),
            corner(wide * 0.8, top - 0.05, far),
        ];
        canvas.crease(&seam, 0.008 * unit, trim, 0.8);
        if id.weave & 0x100 != 0 {
            let badge = corner(0.0, (top + low) / 2.0 + 0.05, far - 0.01);
            canvas.tint(
                ellipse(badge, 0.02 * unit, 0.015 * unit),
                id.second_colour,
                0.9,
            );
        }
    }
    canvas.round(scene.light, scene.relief);
}

/// Straps that lie on the upper garment; painted while it is the current part.
pub fn straps(canvas: &mut Canvas, scene: &Scene, surface: &Surface) {
    let id = scene.identity;
    let unit = scene.unit();
    let width = 0.02 * unit;
    let mut line = |from: (f32, f32), to: (f32, f32)| {
        let spots: Vec<_> = (0..=6)
            .map(|k| k as f32 / 6.0)
            .map(|k| (from.0 + (to.0 - from.0) * k, from.1 + (to.1 - from.1) * k))
            .filter(|&(angle, t)| surface.visibility(angle, t) > 0.0)
            .map(|(angle, t)| surface.at(angle, t))
            .collect();
        canvas.crease(&spots, width, id.bag_colour, 1.0);
    };
    // Heights below are fractions of the garment; a coat is longer than a shirt.
    let drop = 0.38 / (0.846 - id.hem);
    match id.bag {
        Bag::Backpack(_) => {
            for side in [-1.0, 1.0] {
                line((0.95 * side, 0.03), (0.75 * side, 0.3 * drop));
                line((0.75 * side, 0.3 * drop), (1.35 * side, 0.62 * drop));
            }
        }
        Bag::CrossBody(side) => {
            line((-0.95 * side, 0.03), (0.0, 0.45 * drop));
            line((0.0, 0.45 * drop), (1.3 * side, 0.92 * drop));
            line((-0.95 * side - 1.2, 0.05), (-PI * side, 0.45 * drop));
            line((PI * side, 0.45 * drop), (1.8 * side, 0.92 * drop));
        }
        Bag::Shoulder(side) => {
            line((1.1 * side, 0.03), (1.45 * side, 0.6 * drop));
            line((2.0 * side, 0.03), (1.7 * side, 0.6 * drop));
        }
        Bag::None | Bag::Hand(_) => {}
    }
}

/// Bags at the hip or in the hand. `side` is -1 right, 1 left.
pub fn carried(canvas: &mut Canvas, scene: &Scene, side: f32) {
    let id = scene.identity;
    let unit = scene.unit();
    let (right_x, right_z) = scene.pose.rightward(scene.view);
    let narrow = 0.35 + 0.65 * right_z.abs();
    let (hang, half, tall) = match id.bag {
        Bag::CrossBody(_) => ([0.125 * side, 0.5, 0.0], 0.07, 0.085),
        Bag::Shoulder(_) => ([0.14 * side, 0.56, -0.02], 0.085, 0.115),
        Bag::Hand(_) => {
            let arm = &scene.pose.sides[usize::from(side > 0.0)];
            let hand = scene.view.project(arm.wrist);
            let rgb = id.bag_colour;
            let (top, low) = (hand.1 + 0.075 * unit, hand.1 + 0.185 * unit);
            let half = 0.068 * unit * narrow;
            let body = [
                (hand.0 - half * 0.85, top),
                (hand.0 + half * 0.85, top),
                (hand.0 + half, low),
                (hand.0 - half, low),
            ];
            canvas.fill(polygon(&body), rgb);
            for edge in [-0.6, 0.6] {
                let from = (hand.0 + half * edge, top + 1.0);
                canvas.fill(
                    capsule(
                        (hand.0, hand.1 + 0.02 * unit),
                        0.005 * unit,
                        from,
                        0.005 * unit,
                    ),
                    scaled(rgb, 0.8),
                );
            }
            canvas.round(scene.light, scene.relief);
            return;
        }
        Bag::None | Bag::Backpack(_) => return,
    };
    let girth = 0.5 + 0.5 * id.girth;
    let at = scene
        .view
        .project(scene.pose.world([hang[0] * girth, hang[1], hang[2]]));
    let wide = half * unit * narrow;
    let lean = 0.01 * unit * right_x;
    let body = [
        (at.0 - wide * 0.92 + lean, at.1 - tall * 0.4 * unit),
        (at.0 + wide * 0.92 + lean, at.1 - tall * 0.4 * unit),
        (at.0 + wide, at.1 + tall * 0.6 * unit),
        (at.0 - wide, at.1 + tall * 0.6 * unit),
    ];
    canvas.fill(polygon(&body), id.bag_colour);
    let flap = scaled(
        id.bag_colour,
        if luma(id.bag_colour) < 0.2 { 1.6 } else { 0.75 },
    );
    canvas.crease(&[body[0], body[1]], 0.03 * unit, flap, 0.7);
    canvas.round(scene.light, scene.relief);
}
