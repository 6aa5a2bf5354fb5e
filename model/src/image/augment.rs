//! Augmentation of the re-ID view, drawn first and applied later, so that a draw
//! can be named, repeated and tested.

use rand::Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::colours::{Cast, jittered};
use super::shear::sheared;
use super::{Pixels, Preprocess, resize};

/// The law that augmentations are drawn from. Defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Probability of a horizontal flip.
    pub flip_p: f64,
    /// Zeros added on each side before the random crop back, in pixels.
    pub pad: usize,
    /// Probability of random erasing (Zhong et al., 2020).
    pub erase_p: f64,
    /// Share of the image that is erased, from and to.
    pub erase_area: [f64; 2],
    /// Height over width of what is erased, from and to.
    pub erase_ratio: [f64; 2],
    /// What it is filled with, after normalisation.
    pub erase_value: f32,
    /// Smallest share of the height and of the width that is kept before the resize: boxes of
    /// people are not all drawn alike. 1 keeps all of them, as the paper does.
    pub keep: [f64; 2],
    /// Largest change of brightness, contrast and saturation, as of torchvision's `ColorJitter`
    /// but always in this order. The paper changes none.
    pub jitter: [f64; 3],
    /// How differently cameras record one cloth: standard deviations of the logarithm of gamma, and
    /// of what a channel takes from each channel. The paper changes none.
    pub cast: [f64; 2],
    /// Standard deviations of how far the lowest row goes aside, in halves of the width, and the
    /// last column down, in halves of the height; the first ones go the other way. The paper shears
    /// none.
    pub shear: [f64; 2],
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            flip_p: 0.5,
            pad: 10,
            erase_p: 0.5,
            erase_area: [0.02, 0.4],
            erase_ratio: [0.3, 1.0 / 0.3],
            erase_value: 0.5,
            keep: [1.0; 2],
            jitter: [0.0; 3],
            cast: [0.0; 2],
            shear: [0.0; 2],
        }
    }
}

/// One augmentation.
#[derive(Clone, Debug, PartialEq)]
pub struct AugmentParams {
    /// Mirror left and right.
    pub flip: bool,
    /// Zeros on each side.
    pub pad: usize,
    /// Corner of the crop within the padded image, 0 to `2 * pad`.
    pub crop_top: usize,
    /// Likewise.
    pub crop_left: usize,
    /// Erased rectangle.
    pub erase: Option<Erase>,
    /// What is kept of the image, if not all of it.
    pub window: Option<Window>,
    /// Factors of brightness, contrast and saturation, if they change.
    pub jitter: Option<[f32; 3]>,
    /// Another camera's colours, if they change.
    pub cast: Option<Cast>,
    /// How far the lowest row goes aside and the last column down, in halves of the width and of
    /// the height, if they do.
    pub shear: Option<[f32; 2]>,
}

/// A part of an image, in shares of its height and width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// First row.
    pub top: f64,
    /// First column.
    pub left: f64,
    /// Height.
    pub height: f64,
    /// Width.
    pub width: f64,
}

/// A rectangle to be filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Erase {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Filling, on the normalised scale.
    pub value: f32,
}

/// Tries to place an erased rectangle before the image is left whole.
const TRIES: usize = 100;

impl Augmentation {
    /// Draws an augmentation for images of the size that `view` makes.
    pub fn sample(&self, view: &Preprocess, rng: &mut impl Rng) -> AugmentParams {
        AugmentParams {
            flip: rng.random_bool(self.flip_p.clamp(0.0, 1.0)),
            pad: self.pad,
            crop_top: rng.random_range(0..=2 * self.pad),
            crop_left: rng.random_range(0..=2 * self.pad),
            erase: if rng.random_bool(self.erase_p.clamp(0.0, 1.0)) {
                self.sample_erase(view, rng)
            } else {
                None
            },
            window: (self.keep != [1.0; 2]).then(|| {
                let mut part = |least: f64| {
                    let size = least + (1.0 - least) * rng.random::<f64>();
                    (size, (1.0 - size) * rng.random::<f64>())
                };
                let ((height, top), (width, left)) = (part(self.keep[0]), part(self.keep[1]));
                Window {
                    top,
                    left,
                    height,
                    width,
                }
            }),
            jitter: (self.jitter != [0.0; 3]).then(|| {
                (self.jitter).map(|most| (1.0 + most * (2.0 * rng.random::<f64>() - 1.0)) as f32)
            }),
            cast: (self.cast != [0.0; 2]).then(|| Cast::sample(self.cast, rng)),
            shear: (self.shear != [0.0; 2]).then(|| {
                (self.shear).map(|far| (far * rng.sample::<f64, _>(StandardNormal)) as f32)
            }),
        }
    }

    fn sample_erase(&self, view: &Preprocess, rng: &mut impl Rng) -> Option<Erase> {
        let pixels = (view.height * view.width) as f64;
        let mut between = |[low, high]: [f64; 2]| low + (high - low) * rng.random::<f64>();
        let (height, width) = (0..TRIES)
            .map(|_| {
                let area = between(self.erase_area) * pixels;
                let ratio = between(self.erase_ratio);
                let side = |squared: f64| squared.sqrt().round() as usize;
                (side(area * ratio), side(area / ratio))
            })
            .find(|&(height, width)| height < view.height && width < view.width)?;
        Some(Erase {
            top: rng.random_range(0..=view.height - height),
            left: rng.random_range(0..=view.width - width),
            height,
            width,
            value: self.erase_value,
        })
    }
}

impl AugmentParams {
    /// Resizes, shears, changes colours, flips, pads, crops, normalises and erases, in this order,
    /// into `out` `[3, height, width]`.
    ///
    /// # Panics
    /// If `out` does not hold [`Preprocess::len`] numbers.
    pub fn apply(&self, view: &Preprocess, image: &Pixels, out: &mut [f32]) {
        let (height, width) = (view.height, view.width);
        let part = self.window.map(|window| window.of(image));
        let mut resized = resize(part.as_ref().unwrap_or(image), width, height, view.resize);
        if let Some(far) = self.shear {
            resized = sheared(&resized, far);
        }
        if let Some(cast) = &self.cast {
            resized = cast.apply(resized);
        }
        if let Some(factors) = self.jitter {
            resized = jittered(resized, factors);
        }
        // Black is what the padding adds, so what the crop does not cover stays 0.
        let mut cropped = vec![0; 3 * height * width];
        for (y, row) in cropped.chunks_exact_mut(3 * width).enumerate() {
            let Some(from_y) = inside(y + self.crop_top, self.pad, height) else {
                continue;
            };
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let Some(from_x) = inside(x + self.crop_left, self.pad, width) else {
                    continue;
                };
                let from_x = if self.flip {
                    width - 1 - from_x
                } else {
                    from_x
                };
                pixel.copy_from_slice(&resized.data()[3 * (from_y * width + from_x)..][..3]);
            }
        }
        view.normalize(&cropped, out);
        if let Some(erase) = self.erase {
            for plane in out.chunks_exact_mut(height * width) {
                let rows = plane.chunks_exact_mut(width).skip(erase.top);
                for row in rows.take(erase.height) {
                    row[erase.left..erase.left + erase.width].fill(erase.value);
                }
            }
        }
    }
}

impl Window {
    /// The part of an image, one pixel at least.
    fn of(self, image: &Pixels) -> Pixels {
        let part = |start: f64, size: f64, all: usize| {
            let first = ((start * all as f64).round() as usize).min(all - 1);
            (
                first,
                ((size * all as f64).round() as usize).clamp(1, all - first),
            )
        };
        let (top, height) = part(self.top, self.height, image.height());
        let (left, width) = part(self.left, self.width, image.width());
        let rows = image.data().chunks_exact(3 * image.width());
        let data = (rows.skip(top).take(height))
            .flat_map(|row| &row[3 * left..3 * (left + width)])
            .copied()
            .collect();
        Pixels::from_parts(width, height, data)
    }
}

/// Where a position of the padded image lies in the image itself, if it does.
fn inside(padded: usize, pad: usize, size: usize) -> Option<usize> {
    padded.checked_sub(pad).filter(|&at| at < size)
}
