//! Resampling, bit for bit as Pillow does it.
//!
//! Pillow resamples 8-bit images in two passes, rows first, with the filter
//! stretched when shrinking (antialiasing) and weights rounded to fixed point.
//! Embeddings depend on these pixels, and models are trained on them, so a filter that
//! merely looks alike is not enough.

use serde::{Deserialize, Serialize};

use super::Pixels;

/// Filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// Keys' cubic with a = -0.5, Pillow's BICUBIC.
    #[default]
    Bicubic,
    /// The triangle, Pillow's BILINEAR.
    Bilinear,
}

impl Resampling {
    /// Half the filter's width, in input pixels when enlarging.
    fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Bilinear => 1.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Bicubic => bicubic(x),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
        }
    }
}

/// Fractional bits of a weight.
const PRECISION: u32 = 32 - 8 - 2;

/// Keys' cubic filter with a = -0.5, support 2.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The input positions that one output position is made of.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn taps(input: usize, output: usize, filter: Resampling) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    (0..output)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            // Truncation towards zero, then the lower bound: Pillow's integer casts.
            let first = ((centre - support + 0.5) as i64).max(0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            let weights: Vec<f64> = (first..end)
                .map(|x| filter.weight((x as f64 - centre + 0.5) / stretch))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: &f64| {
                let scaled = weight / sum * f64::from(1u32 << PRECISION);
                (scaled + 0.5_f64.copysign(scaled)) as i32
            };
            Taps {
                first,
                weights: weights.iter().map(fixed).collect(),
            }
        })
        .collect()
}

/// Resizes to `width` x `height` pixels, both at least 1, ignoring the aspect ratio.
/// Equals `Image.resize((width, height), filter)` of Pillow up to version 12 (13 swaps
/// the passes for some sizes, which differs by rounding).
pub fn resize(image: &Pixels, width: usize, height: usize, filter: Resampling) -> Pixels {
    let (width, height) = (width.max(1), height.max(1));
    let narrowed = if width == image.width() {
        image.data().to_vec()
    } else {
        horizontal(image, taps(image.width(), width, filter))
    };
    let data = if height == image.height() {
        narrowed
    } else {
        vertical(&narrowed, width, taps(image.height(), height, filter))
    };
    Pixels::from_parts(width, height, data)
}

fn horizontal(image: &Pixels, taps: Vec<Taps>) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 * taps.len() * image.height());
    for row in image.data().chunks_exact(3 * image.width()) {
        for tap in &taps {
            let mut sums = [HALF; 3];
            let pixels = row[3 * tap.first..].chunks_exact(3);
            for (pixel, weight) in pixels.zip(&tap.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            out.extend(sums.map(round));
        }
    }
    out
}

fn vertical(data: &[u8], width: usize, taps: Vec<Taps>) -> Vec<u8> {
    let stride = 3 * width;
    let mut out = Vec::with_capacity(stride * taps.len());
    let mut sums = vec![HALF; stride];
    for tap in taps {
        sums.fill(HALF);
        let rows = data[stride * tap.first..].chunks_exact(stride);
        for (row, weight) in rows.zip(&tap.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        out.extend(sums.iter().copied().map(round));
    }
    out
}

/// One half, for rounding.
const HALF: i32 = 1 << (PRECISION - 1);

fn round(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
