//! Hats.

use super::canvas::{Canvas, ellipse, polygon};
use super::clothes::Scene;
use super::colour::{BLACK, scaled};
use super::head::Gaze;
use super::identity::Hat;

/// Puts the hat, if any, on a head drawn before.
pub fn hat(canvas: &mut Canvas, scene: &Scene, g: &Gaze) {
    let id = scene.identity;
    let rgb = id.hat_colour;
    let (cx, cy) = g.centre;
    let crown = (cx - 0.1 * g.rx * g.right, cy - 0.42 * g.ry);
    // The brim sits lower towards the camera when it looks down.
    let brim = |reach: f32| {
        (
            cx + g.right * g.rx * reach,
            cy - (0.32 - (0.25 + g.pitch) * g.front * reach * 0.5) * g.ry,
        )
    };
    match id.hat {
        Hat::None => return,
        Hat::Beanie => {
            let dome = ellipse((crown.0, crown.1 - 0.08 * g.ry), g.rx * 1.12, g.ry * 0.68);
            canvas.fill(dome, rgb);
            let (l, r) = (
                (cx - 1.1 * g.rx, cy - 0.1 * g.ry),
                (cx + 1.1 * g.rx, cy - 0.1 * g.ry),
            );
            canvas.crease(&[l, r], 0.02 * g.unit, scaled(rgb, 0.75), 0.9);
        }
        Hat::Cap => {
            canvas.fill(ellipse(crown, g.rx * 1.1, g.ry * 0.64), rgb);
            if g.front > -0.6 {
                let reach = ellipse(brim(0.9), g.rx * (0.95 - 0.25 * g.right.abs()), g.ry * 0.16);
                canvas.fill(reach, scaled(rgb, 0.75));
            }
        }
        Hat::Brimmed => {
            let (x, y) = (cx, cy - 0.3 * g.ry);
            canvas.fill(
                ellipse((x, y), g.rx * 1.75, g.ry * (0.2 + 0.5 * g.pitch)),
                scaled(rgb, 0.85),
            );
            let dome = [
                (cx - 1.0 * g.rx, y),
                (cx - 0.85 * g.rx, cy - 1.0 * g.ry),
                (cx, cy - 1.14 * g.ry),
                (cx + 0.85 * g.rx, cy - 1.0 * g.ry),
                (cx + 1.0 * g.rx, y),
            ];
            canvas.fill(polygon(&dome), rgb);
            canvas.crease(&[dome[0], dome[4]], 0.016 * g.unit, BLACK, 0.5);
        }
    }
    canvas.round(scene.light, scene.relief);
}
