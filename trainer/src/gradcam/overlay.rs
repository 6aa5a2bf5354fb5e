//! A picture and its maps side by side.

use std::path::Path;

use anyhow::{Context, Result};
use dcac_model::image::{Pixels, Preprocess, resize};
use image::{ImageFormat, Rgb, RgbImage};

use crate::files;

/// Height of every panel, in pixels.
const HEIGHT: usize = 256;
/// Between panels.
const MARGIN: usize = 8;
/// Share of the colour over the picture.
const OPACITY: f32 = 0.55;

/// Writes the picture and one overlay per map (with its model's input size and its rows and
/// columns).
pub fn write(
    path: &Path,
    picture: &Pixels,
    maps: &[(&Preprocess, (usize, usize), &[f32])],
) -> Result<()> {
    // All models see the picture in their own shape; the first one's is shown.
    let shape = maps
        .first()
        .map_or((2, 1), |(model, _, _)| (model.height, model.width));
    let width = (HEIGHT * shape.1).div_ceil(shape.0);
    let resampling = maps
        .first()
        .map(|(model, _, _)| model.resize)
        .unwrap_or_default();
    let picture = resize(picture, width, HEIGHT, resampling);
    let panels = maps.len() + 1;
    let whole = panels * width + (panels - 1) * MARGIN;
    let mut image = RgbImage::from_pixel(whole as u32, HEIGHT as u32, Rgb([255; 3]));
    for panel in 0..panels {
        let left = panel * (width + MARGIN);
        for y in 0..HEIGHT {
            for x in 0..width {
                let at = 3 * (y * width + x);
                let mut colour = [0, 1, 2].map(|channel| picture.data()[at + channel]);
                if let Some((_, grid, map)) = panel.checked_sub(1).map(|index| maps[index]) {
                    let heat = sample(
                        map,
                        grid,
                        (y as f32 + 0.5) / HEIGHT as f32,
                        (x as f32 + 0.5) / width as f32,
                    );
                    // Perceptually uniform, from dark to bright.
                    let over = colorous::INFERNO.eval_continuous(heat.into()).as_array();
                    for (under, over) in colour.iter_mut().zip(over) {
                        *under = (f32::from(*under) * (1.0 - OPACITY) + f32::from(over) * OPACITY)
                            .round() as u8;
                    }
                }
                image.put_pixel((left + x) as u32, y as u32, Rgb(colour));
            }
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    (image.write_to(&mut bytes, ImageFormat::Png))
        .with_context(|| format!("cannot write {}", path.display()))?;
    files::write(path, &bytes.into_inner())
}

/// Bilinear interpolation of a map at a place from 0 to 1 down and across; patches have
/// their value at their centre.
fn sample(map: &[f32], (rows, columns): (usize, usize), down: f32, across: f32) -> f32 {
    let place = |at: f32, count: usize| {
        let at = (at * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(count - 1), at - low as f32)
    };
    let (top, bottom, below) = place(down, rows);
    let (left, right, beside) = place(across, columns);
    let row = |row: usize| {
        let value = |column: usize| map[row * columns + column];
        value(left) * (1.0 - beside) + value(right) * beside
    };
    (row(top) * (1.0 - below) + row(bottom) * below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_interpolated_between_the_centres_of_patches() {
        let map = [0.0, 1.0, 0.5, 0.5];
        for (down, across, expected) in [
            (0.0, 0.0, 0.0),
            (0.25, 0.25, 0.0),
            (0.25, 0.5, 0.5),
            (0.25, 0.75, 1.0),
            (1.0, 1.0, 0.5),
            (0.5, 0.25, 0.25),
        ] {
            let found = sample(&map, (2, 2), down, across);
            assert!((found - expected).abs() < 1e-6, "{down} {across}: {found}");
        }
    }
}
