//! Principal components: the plane in which embeddings differ most.

use super::RetrievalError;
use super::eigen::{dot, leading};
use super::error::check_rows;

/// Variances below this share of the largest one are rounding.
const NOTHING: f64 = 1e-12;

/// The first two principal axes of some embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    explained: [f64; 2],
}

impl Projection {
    /// Finds the axes of rows of `dim` numbers each. The largest number of an axis, by
    /// magnitude, is positive. An axis along which nothing varies is zero.
    ///
    /// # Errors
    /// Numbers that make no whole rows, and such that are not finite.
    pub fn fit(rows: &[f32], dim: usize) -> Result<Self, RetrievalError> {
        let count = check_rows(rows, dim)?;
        let mut mean = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for sum in &mut mean {
            *sum /= count.max(1) as f64;
        }
        let centred: Vec<f64> = (rows.iter().zip(mean.iter().cycle()))
            .map(|(&value, mean)| f64::from(value) - mean)
            .collect();
        // The products of rows and those of columns have the same eigenvalues, and the
        // eigenvectors of the one give those of the other.
        let few = count <= dim;
        let products = if few {
            gram(&centred, count, dim)
        } else {
            gram(&transposed(&centred, dim), dim, count)
        };
        let size = count.min(dim);
        let total: f64 = products.iter().step_by(size + 1).sum();
        let pairs = leading(&products, size);
        let largest = pairs[0].0;
        let mut explained = [0.0; 2];
        let axes = [0, 1].map(|place| {
            let (value, vector) = &pairs[place];
            if *value <= NOTHING * largest {
                return vec![0.0; dim];
            }
            explained[place] = value / total;
            let axis = if few {
                combined(&centred, vector, dim)
            } else {
                vector.clone()
            };
            directed(axis)
        });
        Ok(Self {
            mean,
            axes,
            explained,
        })
    }

    /// Where an embedding lies, measured from the mean of those that the axes were found for.
    pub fn apply(&self, row: &[f32]) -> [f32; 2] {
        [0, 1].map(|place| {
            let along = self.axes[place].iter().zip(row.iter().zip(&self.mean));
            along
                .map(|(axis, (&value, mean))| axis * (f64::from(value) - mean))
                .sum::<f64>() as f32
        })
    }

    /// The axes, each of length 1 or zero.
    pub fn axes(&self) -> [&[f64]; 2] {
        [&self.axes[0], &self.axes[1]]
    }

    /// The share that each axis has in the variance, 0 to 1.
    pub fn explained(&self) -> [f64; 2] {
        self.explained
    }
}

/// Products of all rows `[count, width]` with each other.
fn gram(rows: &[f64], count: usize, width: usize) -> Vec<f64> {
    let mut products = vec![0.0; count * count];
    let row = |index: usize| &rows[index * width..(index + 1) * width];
    for a in 0..count {
        for b in a..count {
            let product = dot(row(a), row(b));
            products[a * count + b] = product;
            products[b * count + a] = product;
        }
    }
    products
}

fn transposed(rows: &[f64], width: usize) -> Vec<f64> {
    (0..width)
        .flat_map(|column| rows.iter().skip(column).step_by(width).copied())
        .collect()
}

/// The sum of rows, each times its weight, at length 1.
fn combined(rows: &[f64], weights: &[f64], width: usize) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for (row, weight) in rows.chunks_exact(width).zip(weights) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
    let norm = dot(&sum, &sum).sqrt();
    sum.into_iter().map(|value| value / norm).collect()
}

/// The axis or its opposite.
fn directed(axis: Vec<f64>) -> Vec<f64> {
    let largest = (axis.iter().copied()).fold(0.0, |largest: f64, value| {
        if value.abs() > largest.abs() {
            value
        } else {
            largest
        }
    });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    axis.into_iter().map(|value| sign * value).collect()
}
