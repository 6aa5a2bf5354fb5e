//! Draws one person: parts from far to near.

use super::bags;
use super::canvas::{Canvas, capsule};
use super::clothes::{self, Scene};
use super::head;
use super::identity::Bag;
use super::limbs;
use super::stream::Stream;
use super::view::View;

/// Draws the person of `scene` on the canvas. `stream` places folds and nothing else.
pub fn draw(canvas: &mut Canvas, scene: &Scene, stream: &mut Stream) {
    let (id, pose, view) = (scene.identity, scene.pose, scene.view);
    let from_front = pose.facing(view, 0.0) > 0.0;
    let unit = scene.unit();
    let trunk_depth = view.depth(pose.world([0.0, 0.7, 0.0]));
    // Index of the farther side first.
    let farther =
        usize::from(view.depth(pose.sides[1].shoulder) > view.depth(pose.sides[0].shoulder));
    let bag_side = match id.bag {
        Bag::CrossBody(side) | Bag::Shoulder(side) | Bag::Hand(side) => Some(side),
        _ => None,
    };
    let bag_far = bag_side.map(|side| {
        let place = pose.world([0.13 * side, 0.6, 0.0]);
        view.depth(place) > trunk_depth + 0.02
    });

    if let (Bag::Backpack(size), true) = (id.bag, from_front) {
        bags::backpack(canvas, scene, size);
        canvas.lay(1.0);
    }
    if !head::hair_in_front(scene) {
        head::long_hair(canvas, scene);
        canvas.lay(1.0);
    }
    if let (Some(side), Some(true)) = (bag_side, bag_far) {
        bags::carried(canvas, scene, side);
        canvas.lay(1.0);
    }
    // An arm is behind the trunk when its elbow is clearly farther away.
    let behind =
        |index: usize| view.depth(pose.sides[index].elbow) > trunk_depth + 0.04 * id.stature;
    for index in [farther, 1 - farther] {
        if behind(index) {
            limbs::arm(canvas, scene, &pose.sides[index], true, stream);
            canvas.lay(1.0);
        }
    }
    let rear_leg = usize::from(view.depth(pose.sides[1].knee) > view.depth(pose.sides[0].knee));
    for index in [rear_leg, 1 - rear_leg] {
        let side = &pose.sides[index];
        if index != rear_leg {
            let (knee, ankle) = (view.project(side.knee), view.project(side.ankle));
            canvas.shadow(capsule(knee, 0.055 * unit, ankle, 0.04 * unit), 0.14);
        }
        limbs::leg(canvas, scene, side, stream);
        canvas.lay(1.0);
    }
    limbs::hips(canvas, scene, stream);
    canvas.lay(1.0);
    head::neck(canvas, scene);
    canvas.lay(1.0);
    if id.layer > 0.0 {
        clothes::layer(canvas, scene, stream);
        canvas.lay(1.0);
    }
    let surface = clothes::upper_surface(scene);
    canvas.shadow(surface.band(0.97, 1.04), 0.3);
    clothes::upper(canvas, scene, &surface, stream);
    bags::straps(canvas, scene, &surface);
    canvas.lay(1.0);
    head::collar(canvas, scene, &surface);
    canvas.lay(1.0);
    if let (Bag::Backpack(size), false) = (id.bag, from_front) {
        bags::backpack(canvas, scene, size);
        canvas.lay(1.0);
    }
    for index in [farther, 1 - farther] {
        if !behind(index) {
            let side = &pose.sides[index];
            let (a, b) = (view.project(side.shoulder), view.project(side.elbow));
            canvas.shadow(
                capsule((a.0, a.1 + 0.03 * unit), 0.05 * unit, b, 0.05 * unit),
                0.2,
            );
            limbs::arm(canvas, scene, side, false, stream);
            canvas.lay(1.0);
        }
    }
    if let (Some(side), Some(false)) = (bag_side, bag_far) {
        bags::carried(canvas, scene, side);
        canvas.lay(1.0);
    }
    head::head(canvas, scene, stream);
    canvas.lay(1.0);
    if head::hair_in_front(scene) {
        head::long_hair(canvas, scene);
        canvas.lay(1.0);
    }
}

/// The shadow a person throws on the ground away from `sun` (world direction towards the sun).
pub fn cast_shadow(canvas: &mut Canvas, scene: &Scene, view: &View, sun: [f32; 3], alpha: f32) {
    let pose = scene.pose;
    let unit = scene.unit();
    let ground = |p: [f32; 3]| {
        let k = p[1] / sun[1].max(0.2);
        view.project([p[0] - sun[0] * k, 0.0, p[2] - sun[2] * k])
    };
    let thick = unit * scene.identity.girth;
    let crown = ground(pose.world([0.0, 0.93, 0.0]));
    let chest = ground(pose.world([0.0, 0.78, 0.0]));
    let hips = ground(pose.world([0.0, 0.5, 0.0]));
    canvas.fill(capsule(chest, 0.1 * thick, hips, 0.08 * thick), [0.0; 3]);
    canvas.fill(capsule(crown, 0.05 * unit, chest, 0.05 * unit), [0.0; 3]);
    for side in &pose.sides {
        let (knee, foot) = (ground(side.knee), ground(side.ankle));
        canvas.fill(capsule(hips, 0.06 * thick, knee, 0.045 * thick), [0.0; 3]);
        canvas.fill(capsule(knee, 0.045 * thick, foot, 0.03 * thick), [0.0; 3]);
    }
    canvas.lay(alpha);
}
