//! From a picture to the encoder's input.

use serde::{Deserialize, Serialize};

use super::{Pixels, Resampling, resize};

/// Resize and normalisation before an encoder; the one path that training's test
/// view, the native programs and the browser all take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// How a picture is resized.
    #[serde(default)]
    pub resize: Resampling,
    /// Subtracted from each channel, on the scale 0..1.
    pub mean: [f32; 3],
    /// Divides each channel afterwards.
    pub std: [f32; 3],
}

impl Preprocess {
    /// Numbers in an input: `3 * height * width`.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        3 * self.height * self.width
    }

    /// Writes a picture to `out` as `[3, height, width]`, resized and normalised.
    ///
    /// # Panics
    /// If `out` does not hold [`Self::len`] numbers.
    pub fn apply(&self, image: &Pixels, out: &mut [f32]) {
        let resized = resize(image, self.width, self.height, self.resize);
        self.normalize(resized.data(), out);
    }

    /// `(x / 255 - mean) / std` of interleaved bytes, planar.
    pub(super) fn normalize(&self, data: &[u8], out: &mut [f32]) {
        assert_eq!(out.len(), self.len(), "a buffer of 3 * height * width");
        let plane = self.height * self.width;
        for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let values = data.iter().skip(channel).step_by(3);
            for (out, &value) in out.iter_mut().zip(values) {
                *out = (f32::from(value) / 255.0 - mean) / std;
            }
        }
    }
}
