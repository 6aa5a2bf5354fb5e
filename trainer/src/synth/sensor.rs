//! From light to the recorded crop: tone, cast, blur, sampling, sharpening, noise.

use super::camera::Sensor;
use super::colour::{Rgb, luma};
use super::maths;
use super::stream::Stream;

/// A picture of RGB values, row-major.
pub struct Plane {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<Rgb>,
}

impl Plane {
    fn at(&self, x: usize, y: usize) -> Rgb {
        self.pixels[y * self.width + x]
    }

    /// Gaussian blur with standard deviation `sigma` pixels; edges repeat.
    fn blurred(&self, sigma: f32) -> Self {
        if sigma < 0.15 {
            return Self {
                pixels: self.pixels.clone(),
                ..*self
            };
        }
        let reach = (sigma * 2.5).ceil() as usize;
        let mut taps: Vec<f32> = (0..=2 * reach)
            .map(|k| {
                let far = (k as f32 - reach as f32) / sigma;
                maths::exp(-0.5 * far * far)
            })
            .collect();
        let total: f32 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= total);
        // Blurs along rows and writes columns, so that two passes blur both ways.
        let pass = |source: &Self| {
            let (w, h) = (source.width, source.height);
            let mut pixels = vec![[0.0; 3]; w * h];
            let mut row = Vec::with_capacity(w + 2 * reach);
            for y in 0..h {
                let line = &source.pixels[y * w..(y + 1) * w];
                row.clear();
                row.extend(std::iter::repeat_n(line[0], reach));
                row.extend_from_slice(line);
                row.extend(std::iter::repeat_n(line[w - 1], reach));
                for (x, window) in row.windows(taps.len()).enumerate() {
                    let mut sum = [0.0f32; 3];
                    for (rgb, tap) in window.iter().zip(&taps) {
                        for c in 0..3 {
                            sum[c] += rgb[c] * tap;
                        }
                    }
                    pixels[x * h + y] = sum;
                }
            }
            Self {
                pixels,
                width: h,
                height: w,
            }
        };
        pass(&pass(self))
    }

    /// Means of `length` pixels in a row: what moves while the shutter is open.
    fn moved(&self, length: usize) -> Self {
        let (w, before) = (self.width, length / 2);
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height {
            for x in 0..w {
                let mut sum = [0.0f32; 3];
                for k in 0..length {
                    let rgb = self.at((x + k).saturating_sub(before).min(w - 1), y);
                    sum = std::array::from_fn(|c| sum[c] + rgb[c]);
                }
                pixels.push(sum.map(|c| c / length as f32));
            }
        }
        Self { pixels, ..*self }
    }

    /// Bilinear resampling, pixel centres aligned.
    fn resized(&self, width: usize, height: usize) -> Self {
        let (sx, sy) = (
            self.width as f32 / width as f32,
            self.height as f32 / height as f32,
        );
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let fy = ((y as f32 + 0.5) * sy - 0.5).clamp(0.0, (self.height - 1) as f32);
            let (y0, ty) = (fy as usize, fy.fract());
            let y1 = (y0 + 1).min(self.height - 1);
            for x in 0..width {
                let fx = ((x as f32 + 0.5) * sx - 0.5).clamp(0.0, (self.width - 1) as f32);
                let (x0, tx) = (fx as usize, fx.fract());
                let x1 = (x0 + 1).min(self.width - 1);
                let (a, b) = (self.at(x0, y0), self.at(x1, y0));
                let (c, d) = (self.at(x0, y1), self.at(x1, y1));
                pixels.push(std::array::from_fn(|i| {
                    (a[i] * (1.0 - tx) + b[i] * tx) * (1.0 - ty)
                        + (c[i] * (1.0 - tx) + d[i] * tx) * ty
                }));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }
}

/// A curve through 0 and 1 that is straight for `tone` 0.5 and bends upwards for more.
fn curve(value: f32, tone: f32) -> f32 {
    let value = value.clamp(0.0, 1.3);
    value / ((1.0 / tone - 2.0) * (1.0 - value) + 1.0)
}

/// Records `light` with `sensor`; returns 8-bit RGB, row-major, of the same size. `mood` above 0
/// is more light, and warmer, than this camera usually sees.
pub fn record(light: Plane, sensor: &Sensor, mood: f32, stream: &mut Stream) -> Vec<u8> {
    let (width, height) = (light.width, light.height);
    let exposure = sensor.exposure * (1.0 + mood) * (1.0 + stream.bell() * 0.05);
    let gain: Rgb = {
        let [r, g, b] = sensor.gain;
        [r * (1.0 + 0.3 * mood), g, b * (1.0 - 0.3 * mood)]
    };
    let contrast = sensor.contrast * (1.0 + stream.bell() * 0.04);
    let mut plane = light;
    for (index, rgb) in plane.pixels.iter_mut().enumerate() {
        let across = (index % width) as f32 / width as f32 - 0.5;
        let down = (index / width) as f32 / height as f32 - 0.5;
        let lit = exposure * (1.0 + sensor.slope.0 * across + sensor.slope.1 * down);
        let toned: Rgb = std::array::from_fn(|c| {
            let value = rgb[c] * lit * gain[c];
            (value - 0.45 * exposure) * contrast + 0.45 * exposure
        });
        let grey = luma(toned);
        *rgb = std::array::from_fn(|c| {
            let value = grey + (toned[c] - grey) * sensor.saturation;
            let value = sensor.lift[c] + (1.0 - sensor.lift[c]) * curve(value, sensor.tone);
            value * (1.0 - sensor.haze) + sensor.haze * sensor.haze_colour[c] * exposure.min(1.0)
        });
    }
    let fine = sensor.resolution * (1.0 + stream.bell() * 0.08);
    let fine = fine.clamp(0.25, 1.0);
    let blur = sensor.blur * (1.0 + stream.bell() * 0.15) + 0.35 * (1.0 / fine - 1.0);
    let (w, h) = (
        (width as f32 * fine).round() as usize,
        (height as f32 * fine).round() as usize,
    );
    if stream.chance(sensor.motion) {
        plane = plane.moved(2 + stream.below(3));
    }
    let mut plane = plane.blurred(blur).resized(w.max(8), h.max(16));
    for rgb in &mut plane.pixels {
        // Brightness noise is common to the channels, colour noise is not.
        let common = stream.tent() * sensor.noise;
        *rgb = rgb.map(|c| c + common + stream.tent() * sensor.noise * 0.5);
    }
    if sensor.sharpening > 0.05 {
        let soft = plane.blurred(0.9);
        for (rgb, low) in plane.pixels.iter_mut().zip(&soft.pixels) {
            *rgb = std::array::from_fn(|c| rgb[c] + (rgb[c] - low[c]) * sensor.sharpening);
        }
    }
    let mut plane = plane.resized(width, height);
    let colours = plane.blurred(sensor.smear);
    for (rgb, soft) in plane.pixels.iter_mut().zip(&colours.pixels) {
        let detail = luma(*rgb) - luma(*soft);
        *rgb = soft.map(|c| c + detail);
    }
    plane
        .pixels
        .iter()
        .flat_map(|rgb| rgb.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8))
        .collect()
}
