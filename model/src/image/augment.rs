//! Augmentation of the re-ID view, drawn first and applied later, so that a draw
//! can be named, repeated and tested.

use rand::Rng;
use serde::{Deserialize, Serialize};

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
    /// Resizes, flips, pads, crops, normalises and erases, in this order, into `out`
    /// `[3, height, width]`.
    ///
    /// # Panics
    /// If `out` does not hold [`Preprocess::len`] numbers.
    pub fn apply(&self, view: &Preprocess, image: &Pixels, out: &mut [f32]) {
        let (height, width) = (view.height, view.width);
        let part = self.window.map(|window| window.of(image));
        let mut resized = resize(part.as_ref().unwrap_or(image), width, height, view.resize);
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

/// An image with brightness, contrast and saturation times their factors, rounded as Pillow's
/// `ImageEnhance` rounds.
fn jittered(image: Pixels, [brightness, contrast, saturation]: [f32; 3]) -> Pixels {
    let (width, height) = (image.width(), image.height());
    let mut data = image.into_data();
    for value in &mut data {
        *value = blend(0, *value, brightness);
    }
    let total: u64 = data.chunks_exact(3).map(|rgb| u64::from(luma(rgb))).sum();
    let mean = (total as f64 / (width * height) as f64 + 0.5) as u8;
    for value in &mut data {
        *value = blend(mean, *value, contrast);
    }
    for rgb in data.chunks_exact_mut(3) {
        let grey = luma(rgb);
        for value in rgb {
            *value = blend(grey, *value, saturation);
        }
    }
    Pixels::from_parts(width, height, data)
}

/// From one value to another one, or beyond it.
fn blend(from: u8, to: u8, share: f32) -> u8 {
    // The conversion cuts off what is below 0 and above 255.
    (f32::from(from) + share * (f32::from(to) - f32::from(from))) as u8
}

/// ITU-R 601-2 luma, as Pillow computes it.
fn luma(rgb: &[u8]) -> u8 {
    let parts = [19_595, 38_470, 7_471];
    let sum: u32 = (rgb.iter().zip(parts))
        .map(|(&value, part)| u32::from(value) * part)
        .sum();
    ((sum + 0x8000) >> 16) as u8
}

/// Where a position of the padded image lies in the image itself, if it does.
fn inside(padded: usize, pad: usize, size: usize) -> Option<usize> {
    padded.checked_sub(pad).filter(|&at| at < size)
}
