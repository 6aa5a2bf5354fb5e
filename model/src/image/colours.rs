//! Changes of colour, as Pillow and torchvision round them.

use rand::Rng;
use rand_distr::StandardNormal;

use super::Pixels;

/// How another camera records colours: a curve of every channel, then what each takes from all.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Exponents of red, green and blue.
    pub gamma: [f32; 3],
    /// Weights of red, green and blue in each of them.
    pub matrix: [[f32; 3]; 3],
}

/// Least sum of a matrix's row before it is made 1.
const LEAST_SUM: f64 = 0.25;

impl Cast {
    /// Draws one. `curve` is the standard deviation of the logarithm of a gamma that channels have
    /// in common and twice that of their own; `mixing` is that of the matrix's entries from those
    /// of the identity, after which its rows are scaled to keep grey, and twice that of the
    /// logarithm of a gain of each channel.
    pub(super) fn sample([curve, mixing]: [f64; 2], rng: &mut impl Rng) -> Self {
        let mut normal = || rng.sample::<f64, _>(StandardNormal);
        let common = curve * normal();
        Self {
            gamma: std::array::from_fn(|_| (common + 0.5 * curve * normal()).exp() as f32),
            matrix: std::array::from_fn(|to| {
                let row: [f64; 3] = std::array::from_fn(|from| {
                    let itself = if from == to { 1.0 } else { 0.0 };
                    itself + mixing * normal()
                });
                let gain = (0.5 * mixing * normal()).exp();
                let sum = row.iter().sum::<f64>().max(LEAST_SUM);
                row.map(|weight| (weight * gain / sum) as f32)
            }),
        }
    }

    /// An image in these colours: torchvision's `adjust_gamma` of each channel, then Pillow's
    /// `convert("RGB", matrix)`, number for number.
    pub(super) fn apply(&self, image: Pixels) -> Pixels {
        let curves = self.gamma.map(|gamma| {
            let value = |from: usize| 255.999 * (from as f64 / 255.0).powf(f64::from(gamma));
            std::array::from_fn::<u8, 256, _>(|from| value(from) as u8)
        });
        let (width, height) = (image.width(), image.height());
        let mut data = image.into_data();
        for rgb in data.chunks_exact_mut(3) {
            let curved: [f32; 3] =
                std::array::from_fn(|channel| curves[channel][usize::from(rgb[channel])].into());
            for (value, weights) in rgb.iter_mut().zip(&self.matrix) {
                let mixed =
                    weights[0] * curved[0] + weights[1] * curved[1] + weights[2] * curved[2];
                // The conversion cuts off what is below 0 and above 255.
                *value = (mixed + 0.5) as u8;
            }
        }
        Pixels::from_parts(width, height, data)
    }
}

/// An image with brightness, contrast and saturation times their factors, rounded as Pillow's
/// `ImageEnhance` rounds.
pub(super) fn jittered(image: Pixels, [brightness, contrast, saturation]: [f32; 3]) -> Pixels {
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
