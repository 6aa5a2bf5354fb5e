//! Arms, legs and hips in their sleeves, trousers, skirts and shoes.

use super::canvas::{Canvas, capsule};
use super::clothes::{Scene, folds};
use super::colour::mixed;
use super::identity::{LowerKind, Pattern, UpperKind};
use super::pose::Side;
use super::stream::Stream;
use super::surface::Surface;
use super::view::{Vec3, along};

/// One arm: sleeve over skin, hand at its end.
pub fn arm(canvas: &mut Canvas, scene: &Scene, side: &Side, far: bool, stream: &mut Stream) {
    let id = scene.identity;
    let g = 0.5 + 0.5 * id.girth;
    let bare = [
        (side.shoulder, 0.031 * g),
        (side.elbow, 0.026 * g),
        (side.wrist, 0.019 * g),
    ];
    scene.limb(canvas, &bare, id.skin);
    let palm = along(side.wrist, along(side.wrist, side.elbow, -1.0), 0.2);
    scene.limb(canvas, &[(side.wrist, 0.019), (palm, 0.02)], id.skin);
    let loose = match id.upper {
        UpperKind::TShirt | UpperKind::Dress => 0.010,
        UpperKind::Shirt => 0.009,
        UpperKind::Sweater => 0.012,
        UpperKind::Hoodie | UpperKind::Jacket => 0.016,
        UpperKind::Coat => 0.018,
    };
    let cloth = match id.pattern {
        Pattern::Sleeves | Pattern::Yoke => id.second_colour,
        Pattern::Check(_) => mixed(id.upper_colour, id.second_colour, 0.35),
        _ => id.upper_colour,
    };
    // Sleeve length counts from the shoulder along both bones.
    let (upper_part, fore_part) = ((id.sleeve * 2.0).min(1.0), (id.sleeve * 2.0 - 1.0).max(0.0));
    let towards = |a: Vec3, b: Vec3, t: f32| along(a, along(b, a, -1.0), t);
    let mut sleeve = vec![
        (side.shoulder, 0.031 * g + loose * 0.8),
        (
            towards(side.shoulder, side.elbow, upper_part),
            0.028 * g + loose,
        ),
    ];
    if fore_part > 0.0 {
        sleeve.push((
            towards(side.elbow, side.wrist, fore_part),
            0.019 * g + loose * 0.9,
        ));
    }
    scene.limb(canvas, &sleeve, cloth);
    if let Pattern::Hoops(count) = id.pattern {
        let unit = scene.unit();
        let (a, b) = (
            scene.view.project(side.shoulder),
            scene.view.project(side.elbow),
        );
        for k in 0..count / 2 {
            let t = (f32::from(k) + 0.5) / f32::from(count) * 2.0;
            let spot = (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
            let reach = 0.045 * unit;
            canvas.crease(
                &[(spot.0 - reach, spot.1), (spot.0 + reach, spot.1)],
                0.018 * unit,
                id.second_colour,
                0.95,
            );
        }
    }
    let (top, low) = (
        scene.view.project(side.shoulder),
        scene.view.project(side.wrist),
    );
    folds(canvas, top, low, 0.05 * scene.unit(), 4, stream);
    canvas.round(scene.light, scene.relief * if far { 1.5 } else { 1.0 });
}

/// One leg with its shoe.
pub fn leg(canvas: &mut Canvas, scene: &Scene, side: &Side, stream: &mut Stream) {
    let id = scene.identity;
    let g = 0.45 + 0.55 * id.girth;
    let unit = scene.unit();
    let heel = along(side.ankle, along(side.toe, side.ankle, -1.0), -0.18);
    let sole = |p: Vec3| [p[0], p[1] - 0.02 * id.stature, p[2]];
    scene.limb(
        canvas,
        &[(sole(heel), 0.013), (sole(side.toe), 0.011)],
        id.sole_colour,
    );
    scene.limb(canvas, &[(heel, 0.022), (side.toe, 0.015)], id.shoe_colour);
    let bare = matches!(id.lower, LowerKind::Shorts | LowerKind::Skirt);
    let shin = if bare { id.skin } else { id.lower_colour };
    let (thigh_r, knee_r, ankle_r) = match id.lower {
        LowerKind::Trousers => (0.068, 0.045 + 0.012 * id.fit, 0.033 + 0.016 * id.fit),
        LowerKind::Jeans => (0.065, 0.042 + 0.008 * id.fit, 0.03 + 0.012 * id.fit),
        _ => (0.061, 0.039, 0.024),
    };
    let low = along(
        side.ankle,
        along(side.knee, side.ankle, -1.0),
        if bare { 0.0 } else { 0.06 + id.cuff / 0.235 },
    );
    if id.cuff > 0.0 && !bare {
        scene.limb(
            canvas,
            &[(low, 0.024 * g), (side.ankle, 0.021 * g)],
            id.ankle_colour,
        );
    }
    let joints = [
        (side.hip, thigh_r * g),
        (side.knee, knee_r * g),
        (low, ankle_r * g),
    ];
    scene.limb(canvas, &joints, shin);
    if id.boot > 0.0 {
        let top = along(
            side.ankle,
            along(side.knee, side.ankle, -1.0),
            id.boot / 0.235,
        );
        scene.limb(
            canvas,
            &[(top, ankle_r.max(0.031) * g), (side.ankle, 0.03)],
            id.shoe_colour,
        );
    }
    if id.lower == LowerKind::Shorts {
        let t = ((0.51 - id.lower_hem) / 0.245).clamp(0.3, 1.0);
        let end = along(side.hip, along(side.knee, side.hip, -1.0), t);
        scene.limb(
            canvas,
            &[(side.hip, 0.067 * g), (end, 0.056 * g)],
            id.lower_colour,
        );
    }
    let (hip, knee, foot) = (
        scene.view.project(side.hip),
        scene.view.project(side.knee),
        scene.view.project(side.ankle),
    );
    if id.lower == LowerKind::Jeans {
        // Worn denim is lighter along the thigh.
        let worn = capsule(hip, 0.02 * unit, knee, 0.022 * unit);
        canvas.tint(worn, [0.85, 0.88, 0.92], 0.14);
    }
    if let (Some(rgb), false) = (id.side_stripe, bare) {
        canvas.crease(&[hip, knee, foot], 0.013 * unit, rgb, 0.85);
    }
    if !bare {
        folds(canvas, hip, foot, 0.06 * unit, 6, stream);
        folds(canvas, knee, knee, 0.05 * unit, 2, stream);
    }
    canvas.round(scene.light, scene.relief);
}

/// Hips of trousers, or the skirt.
pub fn hips(canvas: &mut Canvas, scene: &Scene, stream: &mut Stream) {
    let id = scene.identity;
    let (hem, cut) = match id.lower {
        LowerKind::Skirt => (id.lower_hem, (0.006, 0.2, 0.06 + 0.2 * id.fit)),
        _ => (0.455, (0.006, 0.3, 0.0)),
    };
    let surface = Surface::new(id, scene.pose, scene.view, (0.61, hem), cut);
    for path in surface.outline() {
        canvas.fill(path, id.lower_colour);
    }
    let (top, low) = (
        surface.at(surface.middle(0.5), 0.1),
        surface.at(surface.middle(0.5), 0.9),
    );
    folds(canvas, top, low, 0.09 * scene.unit(), 5, stream);
    canvas.round(scene.light, scene.relief);
}
