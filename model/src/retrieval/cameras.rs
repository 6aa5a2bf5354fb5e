//! What cameras do to embeddings, taken out of them (Song, Park, Lee, "Exploring the camera bias
//! of person re-identification", ICLR 2025, section 4).

use std::collections::HashMap;

use super::RetrievalError;
use super::error::check_rows;

/// As many images as a mean counts for that is only expected: a camera's is drawn towards the
/// whole gallery's, and that towards what unit vectors of no direction in particular have. From
/// 8 to 32, figures on the drawn domains hardly differ; without it, cameras with fewer than some
/// 30 images have the images of the same few people taken out of each other.
const EXPECTED: f64 = 16.0;

/// Mean and deviation of the embeddings of a gallery, by camera.
pub struct Cameras {
    all: Moments,
    each: HashMap<u32, Moments>,
}

#[derive(Clone)]
struct Moments {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Cameras {
    /// Learns from a gallery's L2-normalised embeddings, rows of `dim` numbers, and the cameras
    /// that took them, where they are known.
    ///
    /// # Errors
    /// Another number of cameras than of embeddings, and embeddings that are not finite.
    pub fn of(
        gallery: &[f32],
        cameras: &[Option<u32>],
        dim: usize,
    ) -> Result<Self, RetrievalError> {
        check(gallery, cameras, dim)?;
        let anywhere = Moments {
            mean: vec![0.0; dim],
            variance: vec![1.0 / dim as f64; dim],
        };
        let rows: Vec<&[f32]> = gallery.chunks_exact(dim).collect();
        let all = anywhere.given(&rows);
        let mut by_camera = HashMap::<u32, Vec<&[f32]>>::new();
        for (row, camera) in rows.iter().zip(cameras) {
            if let Some(camera) = camera {
                by_camera.entry(*camera).or_default().push(row);
            }
        }
        let each = by_camera
            .into_iter()
            .map(|(camera, rows)| (camera, all.given(&rows)))
            .collect();
        Ok(Self { all, each })
    }

    /// Takes from each embedding the mean of its camera, divides by the deviation, and scales to
    /// length 1 again. Where the camera is unknown or not in the gallery, both are all cameras'.
    ///
    /// # Errors
    /// Another number of cameras than of embeddings, and embeddings that are not finite.
    pub fn normalize(
        &self,
        rows: &mut [f32],
        cameras: &[Option<u32>],
    ) -> Result<(), RetrievalError> {
        let dim = self.all.mean.len();
        check(rows, cameras, dim)?;
        for (row, camera) in rows.chunks_exact_mut(dim).zip(cameras) {
            let known = camera.and_then(|camera| self.each.get(&camera));
            known.unwrap_or(&self.all).normalize(row);
        }
        Ok(())
    }
}

fn check(rows: &[f32], cameras: &[Option<u32>], dim: usize) -> Result<(), RetrievalError> {
    match check_rows(rows, dim)? == cameras.len() {
        true => Ok(()),
        false => Err(RetrievalError::Shape {
            what: "cameras",
            numbers: rows.len(),
            labels: cameras.len(),
            dim,
        }),
    }
}

impl Moments {
    /// Those of some rows, with these expected before any was seen.
    fn given(&self, rows: &[&[f32]]) -> Self {
        let count = rows.len() as f64 + EXPECTED;
        let mut mean: Vec<f64> = self.mean.iter().map(|mean| mean * EXPECTED).collect();
        for row in rows {
            for (sum, &value) in mean.iter_mut().zip(*row) {
                *sum += f64::from(value);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut variance: Vec<f64> = self.variance.iter().map(|v| v * EXPECTED).collect();
        for row in rows {
            for ((sum, &value), mean) in variance.iter_mut().zip(*row).zip(&mean) {
                *sum += (f64::from(value) - mean).powi(2);
            }
        }
        variance.iter_mut().for_each(|sum| *sum /= count);
        Self { mean, variance }
    }

    fn normalize(&self, row: &mut [f32]) {
        let moments = || self.mean.iter().zip(&self.variance);
        let standard = |(&value, (mean, variance)): (&f32, (&f64, &f64))| {
            (f64::from(value) - mean) / variance.sqrt()
        };
        let squares = row.iter().zip(moments()).map(standard).map(|z| z * z);
        let length = squares.sum::<f64>().sqrt();
        if length > 0.0 {
            for (value, moments) in row.iter_mut().zip(moments()) {
                *value = (standard((value, moments)) / length) as f32;
            }
        }
    }
}
