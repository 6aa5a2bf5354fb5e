//! What cameras do to embeddings, taken out of them (Song, Park, Lee, "Exploring the camera bias
//! of person re-identification", ICLR 2025).

use std::collections::BTreeMap;

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
    each: BTreeMap<u32, Moments>,
}

/// What is counted of a gallery until [`Cameras`] are known: sums, so that it may be larger than
/// memory.
pub struct CameraSums {
    dim: usize,
    /// Those without a camera too.
    each: BTreeMap<Option<u32>, Sums>,
}

struct Moments {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// One over the deviation.
    scale: Vec<f64>,
}

struct Sums {
    count: f64,
    values: Vec<f64>,
    squares: Vec<f64>,
}

impl CameraSums {
    /// Nothing seen yet of embeddings of so many numbers.
    pub fn new(dim: usize) -> Self {
        let each = BTreeMap::new();
        Self { dim, each }
    }

    /// Counts L2-normalised embeddings, row after row, and the cameras that took them, where they
    /// are known.
    ///
    /// # Errors
    /// Another number of cameras than of embeddings, and embeddings that are not finite.
    pub fn add(&mut self, rows: &[f32], cameras: &[Option<u32>]) -> Result<(), RetrievalError> {
        let dim = self.dim;
        check(rows, cameras, dim)?;
        for (row, camera) in rows.chunks_exact(dim).zip(cameras) {
            let sums = self.each.entry(*camera).or_insert_with(|| Sums::none(dim));
            sums.count += 1.0;
            let both = sums.values.iter_mut().zip(&mut sums.squares);
            for ((sum, squares), &value) in both.zip(row) {
                let value = f64::from(value);
                *sum += value;
                *squares += value * value;
            }
        }
        Ok(())
    }

    /// What is known by now.
    pub fn cameras(&self) -> Cameras {
        let mut all = Sums::none(self.dim);
        for sums in self.each.values() {
            all.count += sums.count;
            add(&mut all.values, &sums.values);
            add(&mut all.squares, &sums.squares);
        }
        let (dim, variance) = (self.dim, 1.0 / self.dim as f64);
        let anywhere = Moments::new(vec![0.0; dim], vec![variance; dim]);
        let all = anywhere.given(&all);
        let known = (self.each.iter()).filter_map(|(camera, sums)| Some(((*camera)?, sums)));
        let each = known.map(|(camera, sums)| (camera, all.given(sums)));
        Cameras {
            each: each.collect(),
            all,
        }
    }
}

impl Cameras {
    /// Learns from a gallery that is at hand as a whole, as [`CameraSums::add`] counts it, and
    /// normalises it; what is compared with it must be [normalised](Self::normalize) as well.
    ///
    /// # Errors
    /// Those of [`CameraSums::add`].
    pub fn even_out(
        gallery: &mut [f32],
        cameras: &[Option<u32>],
        dim: usize,
    ) -> Result<Self, RetrievalError> {
        let mut sums = CameraSums::new(dim);
        sums.add(gallery, cameras)?;
        let known = sums.cameras();
        known.normalize(gallery, cameras)?;
        Ok(known)
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

impl Sums {
    fn none(dim: usize) -> Self {
        Self {
            count: 0.0,
            values: vec![0.0; dim],
            squares: vec![0.0; dim],
        }
    }
}

impl Moments {
    fn new(mean: Vec<f64>, variance: Vec<f64>) -> Self {
        let scale = variance.iter().map(|variance| 1.0 / variance.sqrt());
        Self {
            scale: scale.collect(),
            mean,
            variance,
        }
    }

    /// Those of a sum, with these expected before any was seen.
    fn given(&self, seen: &Sums) -> Self {
        let count = seen.count + EXPECTED;
        let means = self.mean.iter().zip(&seen.values);
        let mean: Vec<f64> = means
            .map(|(expected, sum)| (sum + EXPECTED * expected) / count)
            .collect();
        let spread = |(((expected, squares), sum), mean): (((&f64, &f64), &f64), &f64)| {
            let seen = squares - mean * (2.0 * sum - seen.count * mean);
            (seen.max(0.0) + EXPECTED * expected) / count
        };
        let all = self.variance.iter().zip(&seen.squares);
        let variance = all.zip(&seen.values).zip(&mean).map(spread).collect();
        Self::new(mean, variance)
    }

    fn normalize(&self, row: &mut [f32]) {
        let moments = || self.mean.iter().zip(&self.scale);
        let standard =
            |(&value, (mean, scale)): (&f32, (&f64, &f64))| (f64::from(value) - mean) * scale;
        let squares = row.iter().zip(moments()).map(standard).map(|z| z * z);
        let length = squares.sum::<f64>().sqrt();
        if length > 0.0 {
            for (value, moments) in row.iter_mut().zip(moments()) {
                *value = (standard((value, moments)) / length) as f32;
            }
        }
    }
}

fn add(sums: &mut [f64], more: &[f64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
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
