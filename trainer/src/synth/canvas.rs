//! Drawing with tiny-skia: body parts are built on a layer, shaded, then laid on the picture.

use std::f32::consts::FRAC_PI_2;

use tiny_skia::{
    BlendMode, Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap,
    Point, Shader, SpreadMode, Stroke, Transform,
};

use super::colour::Rgb;
use super::maths;

/// A place in the picture, pixels.
pub type Spot = (f32, f32);

fn colour(rgb: Rgb, alpha: f32) -> Color {
    let [r, g, b] = rgb.map(|c| c.clamp(0.0, 1.0));
    Color::from_rgba(r, g, b, alpha.clamp(0.0, 1.0)).unwrap_or(Color::BLACK)
}

fn paint<'a>(rgb: Rgb, alpha: f32, blend_mode: BlendMode) -> Paint<'a> {
    Paint {
        shader: Shader::SolidColor(colour(rgb, alpha)),
        blend_mode,
        ..Paint::default()
    }
}

/// A closed polygon; `None` with fewer than three corners.
pub fn polygon(spots: &[Spot]) -> Option<Path> {
    if spots.len() < 3 {
        return None;
    }
    let mut path = PathBuilder::new();
    path.move_to(spots[0].0, spots[0].1);
    for spot in &spots[1..] {
        path.line_to(spot.0, spot.1);
    }
    path.close();
    path.finish()
}

/// An axis-aligned ellipse.
pub fn ellipse(centre: Spot, rx: f32, ry: f32) -> Option<Path> {
    let (rx, ry) = (rx.max(0.2), ry.max(0.2));
    let rect = tiny_skia::Rect::from_xywh(centre.0 - rx, centre.1 - ry, 2.0 * rx, 2.0 * ry)?;
    PathBuilder::from_oval(rect)
}

/// The hull of two circles: one segment of a limb.
pub fn capsule(a: Spot, ra: f32, b: Spot, rb: f32) -> Option<Path> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = maths::hypot(dx, dy);
    if length < 0.3 {
        return ellipse(a, ra.max(rb), ra.max(rb));
    }
    let axis = maths::atan2(dy, dx);
    // Tangent points of the two circles lie `lean` beyond the perpendicular.
    let lean = maths::asin(((ra - rb) / length).clamp(-1.0, 1.0));
    let mut spots = Vec::with_capacity(18);
    for (centre, radius, from, to) in [
        (b, rb, -FRAC_PI_2 + lean, FRAC_PI_2 - lean),
        (a, ra, FRAC_PI_2 - lean, 3.0 * FRAC_PI_2 + lean),
    ] {
        for step in 0..9 {
            let angle = axis + from + (to - from) * step as f32 / 8.0;
            spots.push((
                centre.0 + radius * maths::cos(angle),
                centre.1 + radius * maths::sin(angle),
            ));
        }
    }
    polygon(&spots)
}

/// The picture and the layer that the current part is built on.
pub struct Canvas {
    picture: Pixmap,
    layer: Pixmap,
    /// Left, top, right, bottom of what the layer holds.
    bounds: [f32; 4],
}

impl Canvas {
    /// A transparent picture; `None` when a side is zero.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        Some(Self {
            picture: Pixmap::new(width, height)?,
            layer: Pixmap::new(width, height)?,
            bounds: [f32::MAX, f32::MAX, f32::MIN, f32::MIN],
        })
    }

    /// What has been laid down so far: premultiplied RGBA.
    pub fn picture(&self) -> &Pixmap {
        &self.picture
    }

    /// Adds an opaque shape to the part.
    pub fn fill(&mut self, path: Option<Path>, rgb: Rgb) {
        let Some(path) = path else { return };
        let b = path.bounds();
        self.bounds = [
            self.bounds[0].min(b.left()),
            self.bounds[1].min(b.top()),
            self.bounds[2].max(b.right()),
            self.bounds[3].max(b.bottom()),
        ];
        let paint = paint(rgb, 1.0, BlendMode::SourceOver);
        let rule = FillRule::Winding;
        self.layer
            .fill_path(&path, &paint, rule, Transform::identity(), None);
    }

    /// Paints on what the part already covers, and nowhere else.
    pub fn tint(&mut self, path: Option<Path>, rgb: Rgb, alpha: f32) {
        let Some(path) = path else { return };
        let paint = paint(rgb, alpha, BlendMode::SourceAtop);
        let rule = FillRule::Winding;
        self.layer
            .fill_path(&path, &paint, rule, Transform::identity(), None);
    }

    /// A line on what the part already covers: folds, seams, glasses.
    pub fn crease(&mut self, spots: &[Spot], width: f32, rgb: Rgb, alpha: f32) {
        if spots.len() < 2 {
            return;
        }
        let mut path = PathBuilder::new();
        path.move_to(spots[0].0, spots[0].1);
        for spot in &spots[1..] {
            path.line_to(spot.0, spot.1);
        }
        let Some(path) = path.finish() else { return };
        let stroke = Stroke {
            width,
            ..Stroke::default()
        };
        let paint = paint(rgb, alpha, BlendMode::SourceAtop);
        self.layer
            .stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }

    /// Rounds the part: dark towards the sides, light where `light` (-1 left, 1 right) says.
    pub fn round(&mut self, light: f32, strength: f32) {
        let [left, top, right, bottom] = self.bounds;
        if right - left < 1.0 {
            return;
        }
        let light = light.clamp(-1.0, 1.0);
        let peak = 0.5 + 0.3 * light;
        let dark = |alpha: f32| colour([0.0; 3], alpha * strength);
        let gradient = LinearGradient::new(
            Point::from_xy(left, top),
            Point::from_xy(right, top + 0.1 * (bottom - top)),
            vec![
                GradientStop::new(0.0, dark(0.3 + 0.22 * light)),
                GradientStop::new(peak, colour([1.0; 3], 0.06 * strength)),
                GradientStop::new(1.0, dark(0.3 - 0.22 * light)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        let rect = tiny_skia::Rect::from_ltrb(left, top, right, bottom);
        if let (Some(shader), Some(rect)) = (gradient, rect) {
            let paint = Paint {
                shader,
                blend_mode: BlendMode::SourceAtop,
                ..Paint::default()
            };
            self.layer
                .fill_rect(rect, &paint, Transform::identity(), None);
        }
    }

    /// Lays the part on the picture and starts the next one.
    pub fn lay(&mut self, opacity: f32) {
        // Only the part's own rectangle is touched: parts are many and small.
        let (width, height) = (self.layer.width() as usize, self.layer.height() as usize);
        let [left, top, right, bottom] = self.bounds;
        let clip = |from: f32, to: f32, size: usize| {
            let from = (from - 1.0).max(0.0) as usize;
            (from.min(size), ((to + 2.0).max(0.0) as usize).min(size))
        };
        let ((x0, x1), (y0, y1)) = (clip(left, right, width), clip(top, bottom, height));
        let opacity = (opacity.clamp(0.0, 1.0) * 255.0).round() as u32;
        let (source, target) = (self.layer.data_mut(), self.picture.data_mut());
        for y in y0..y1 {
            let span = 4 * (y * width + x0.min(x1))..4 * (y * width + x1);
            let rows = source[span.clone()].chunks_exact_mut(4);
            for (s, t) in rows.zip(target[span].chunks_exact_mut(4)) {
                if s[3] != 0 {
                    let rest = 255 - (u32::from(s[3]) * opacity + 127) / 255;
                    for c in 0..4 {
                        let sum = u32::from(s[c]) * opacity + u32::from(t[c]) * rest;
                        t[c] = ((sum + 127) / 255).min(255) as u8;
                    }
                    s.fill(0);
                }
            }
        }
        self.bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    }

    /// Darkens the picture around a shape about to be laid: one limb's shadow on the next.
    pub fn shadow(&mut self, path: Option<Path>, alpha: f32) {
        let Some(path) = path else { return };
        let paint = paint([0.0; 3], alpha, BlendMode::SourceAtop);
        let rule = FillRule::Winding;
        self.picture
            .fill_path(&path, &paint, rule, Transform::identity(), None);
    }
}
