//! Head, hair, glasses, collar, scarf.

use super::canvas::{Canvas, Spot, capsule, ellipse};
use super::clothes::Scene;
use super::colour::{BLACK, mixed, scaled};
use super::hats;
use super::identity::{HairStyle, UpperKind};
use super::maths;
use super::stream::Stream;
use super::surface::Surface;
use super::view::Vec3;

/// Half height, half width and half depth of the head, in statures.
const HEAD: Vec3 = [0.066, 0.047, 0.057];
const CENTRE: f32 = 0.931;

/// Where the head is in the picture and where it looks.
pub struct Gaze {
    /// Pixels.
    pub centre: Spot,
    /// Pixels per stature.
    pub unit: f32,
    /// Half width as seen, pixels.
    pub rx: f32,
    /// Half height as seen, pixels.
    pub ry: f32,
    /// 1 the face looks at the camera, -1 away.
    pub front: f32,
    /// 1 the face looks to the right of the picture.
    pub right: f32,
    /// Sine of the camera's pitch.
    pub pitch: f32,
}

fn gaze(scene: &Scene) -> Gaze {
    let unit = scene.unit();
    let turn = scene.pose.glance();
    let front = scene.pose.facing(scene.view, turn);
    let right = -scene
        .pose
        .facing(scene.view, turn + std::f32::consts::FRAC_PI_2);
    let width = maths::hypot(HEAD[1] * front, HEAD[2] * right);
    Gaze {
        centre: scene.view.project(scene.pose.world([0.0, CENTRE, 0.008])),
        unit,
        rx: width * unit,
        ry: HEAD[0] * unit,
        front,
        right,
        pitch: scene.view.pitch(),
    }
}

/// Hair that falls on the back; drawn before the trunk from the front, after it from behind.
pub fn long_hair(canvas: &mut Canvas, scene: &Scene) {
    let id = scene.identity;
    let g = gaze(scene);
    let back = |y: f32, z: f32| scene.view.project(scene.pose.world([0.0, y, z]));
    match id.hair {
        HairStyle::Long => {
            let length = 0.76 + 0.06 * ((id.weave >> 8) & 3) as f32 / 3.0;
            let (top, low) = (back(0.925, -0.025), back(length, -0.055));
            canvas.fill(capsule(top, g.rx * 1.05, low, g.rx * 0.85), id.hair_colour);
        }
        HairStyle::Ponytail => {
            let (root, mid, end) = (back(0.955, -0.062), back(0.9, -0.085), back(0.82, -0.075));
            canvas.fill(
                capsule(root, 0.02 * g.unit, mid, 0.022 * g.unit),
                id.hair_colour,
            );
            canvas.fill(
                capsule(mid, 0.022 * g.unit, end, 0.01 * g.unit),
                id.hair_colour,
            );
        }
        HairStyle::Bun => {
            let bun = back(0.985, -0.045);
            canvas.fill(ellipse(bun, 0.027 * g.unit, 0.025 * g.unit), id.hair_colour);
        }
        _ => return,
    }
    canvas.round(scene.light, scene.relief);
}

/// Whether `long_hair` belongs over the trunk.
pub fn hair_in_front(scene: &Scene) -> bool {
    gaze(scene).front < 0.1
}

/// Neck; drawn before the upper garment.
pub fn neck(canvas: &mut Canvas, scene: &Scene) {
    let joints = [
        (scene.pose.world([0.0, 0.9, 0.0]), 0.031),
        (scene.pose.world([0.0, 0.825, -0.004]), 0.036),
    ];
    scene.limb(canvas, &joints, scaled(scene.identity.skin, 0.82));
    canvas.round(scene.light, scene.relief);
}

/// Collar, hood and scarf around the neck.
pub fn collar(canvas: &mut Canvas, scene: &Scene, surface: &Surface) {
    let id = scene.identity;
    let unit = scene.unit();
    let spot = |y: f32, z: f32| scene.view.project(scene.pose.world([0.0, y, z]));
    if id.upper == UpperKind::Hoodie {
        let rgb = scaled(id.upper_colour, 0.88);
        let behind = spot(0.85, -0.045);
        canvas.fill(ellipse(behind, 0.066 * unit, 0.03 * unit), rgb);
    } else if matches!(
        id.upper,
        UpperKind::Shirt | UpperKind::Jacket | UpperKind::Coat
    ) {
        let behind = spot(0.855, -0.012);
        canvas.fill(
            ellipse(behind, 0.046 * unit, 0.017 * unit),
            scaled(id.upper_colour, 0.92),
        );
        if surface.visibility(0.0, 0.0) > 0.0 {
            canvas.tint(
                ellipse(spot(0.862, 0.03), 0.03 * unit, 0.02 * unit),
                id.skin,
                0.9,
            );
        }
    }
    if let Some(rgb) = id.scarf {
        canvas.fill(ellipse(spot(0.862, 0.0), 0.06 * unit, 0.028 * unit), rgb);
        if surface.visibility(0.3, 0.2) > 0.0 {
            let (top, low) = (surface.at(0.3, 0.04), surface.at(0.35, 0.45));
            canvas.fill(
                capsule(top, 0.02 * unit, low, 0.023 * unit),
                scaled(rgb, 0.92),
            );
        }
        canvas.tint(
            ellipse(spot(0.855, 0.0), 0.05 * unit, 0.008 * unit),
            BLACK,
            0.2,
        );
    }
    canvas.round(scene.light, scene.relief);
}

/// Head with face, hair and hat.
pub fn head(canvas: &mut Canvas, scene: &Scene, stream: &mut Stream) {
    let id = scene.identity;
    let g = gaze(scene);
    let (cx, cy) = g.centre;
    let skull = (cx - 0.16 * g.rx * g.right, cy - 0.22 * g.ry);
    let volume = match id.hair {
        HairStyle::Bald => 0.0,
        HairStyle::Cropped => 0.03,
        HairStyle::Short => 0.09,
        HairStyle::Bob => 0.12,
        _ => 0.08,
    };
    // Skin first: chin and skull, then hair as all that is not face.
    canvas.fill(ellipse(g.centre, g.rx * 0.88, g.ry), id.skin);
    if id.hair == HairStyle::Bald {
        canvas.fill(ellipse(skull, g.rx, g.ry * 0.8), id.skin);
    } else {
        canvas.fill(
            ellipse(skull, g.rx * (1.0 + volume), g.ry * (0.8 + volume)),
            id.hair_colour,
        );
        if id.hair == HairStyle::Bob {
            let low = (skull.0 - 0.15 * g.rx * g.right, cy + 0.3 * g.ry);
            canvas.fill(
                capsule(skull, g.rx * 1.05, low, g.rx * 1.08),
                id.hair_colour,
            );
        }
        if g.front < 0.2 {
            let nape = (cx - 0.2 * g.rx * g.right, cy + 0.25 * g.ry);
            canvas.fill(ellipse(nape, g.rx * 0.92, g.ry * 0.62), id.hair_colour);
        }
    }
    face(canvas, scene, &g, stream);
    canvas.round(scene.light, scene.relief);
    hats::hat(canvas, scene, &g);
}

/// The face, as far as it is turned to the camera.
fn face(canvas: &mut Canvas, scene: &Scene, g: &Gaze, stream: &mut Stream) {
    let id = scene.identity;
    if g.front < -0.45 {
        return;
    }
    let (cx, cy) = g.centre;
    let shown = ((g.front + 0.45) / 1.0).clamp(0.15, 1.0);
    let side = g.right * 0.62 * g.rx;
    let middle = (
        cx + side * (1.0 - 0.25 * shown),
        cy + (0.2 + 0.25 * g.pitch) * g.ry,
    );
    let (fx, fy) = (g.rx * (0.34 + 0.5 * shown), g.ry * 0.78);
    canvas.fill(ellipse(middle, fx, fy), id.skin);
    if g.right.abs() > 0.35 {
        // Profile: the nose stands out, the ear sits before the hair.
        let nose = (cx + g.right * g.rx * 1.02, cy + 0.24 * g.ry);
        canvas.fill(ellipse(nose, 0.011 * g.unit, 0.012 * g.unit), id.skin);
        let ear = (cx - 0.12 * g.rx * g.right, cy + 0.18 * g.ry);
        if !matches!(id.hair, HairStyle::Bob | HairStyle::Long) {
            canvas.fill(
                ellipse(ear, 0.009 * g.unit, 0.014 * g.unit),
                scaled(id.skin, 0.86),
            );
        }
    }
    let dark = mixed(id.skin, BLACK, 0.75);
    let turn = g.right * 0.45 * g.rx;
    let level = cy + (0.1 + 0.3 * g.pitch) * g.ry;
    for eye in [-0.36, 0.36] {
        let x = cx + turn + eye * g.rx * g.front.max(0.0);
        canvas.tint(
            ellipse((x, level), 0.0085 * g.unit, 0.0055 * g.unit),
            dark,
            0.75,
        );
        canvas.crease(
            &[
                (x - 0.012 * g.unit, level - 0.014 * g.unit),
                (x + 0.012 * g.unit, level - 0.014 * g.unit),
            ],
            0.006 * g.unit,
            mixed(id.hair_colour, id.skin, 0.2),
            0.6,
        );
    }
    let lips = (cx + turn * 1.15, level + 0.046 * g.unit);
    let red = mixed(
        id.skin,
        [0.55, 0.12, 0.14],
        if id.feminine { 0.5 } else { 0.3 },
    );
    canvas.tint(
        ellipse(
            lips,
            0.014 * g.unit * (0.4 + 0.6 * g.front.max(0.0)),
            0.005 * g.unit,
        ),
        red,
        0.8,
    );
    canvas.tint(
        ellipse(
            (lips.0, lips.1 - 0.02 * g.unit),
            0.008 * g.unit,
            0.006 * g.unit,
        ),
        [0.0; 3],
        0.12,
    );
    if id.glasses && g.front > -0.2 {
        let reach = g.rx * (0.35 + 0.4 * g.front.max(0.0));
        let spots = [(cx + turn - reach, level), (cx + turn + reach, level)];
        canvas.crease(&spots, 0.013 * g.unit, BLACK, 0.65);
    }
    // Beard shadow on some men.
    if !id.feminine && (id.weave >> 12) & 3 == 0 {
        canvas.tint(
            ellipse(
                (lips.0, lips.1 + 0.012 * g.unit),
                0.028 * g.unit,
                0.022 * g.unit,
            ),
            id.hair_colour,
            0.4,
        );
    }
    canvas.tint(
        ellipse((middle.0, middle.1 + fy * 0.95), fx, fy * 0.3),
        [0.0; 3],
        0.12 + 0.1 * stream.unit(),
    );
}
