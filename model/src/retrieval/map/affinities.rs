//! Which rows are neighbours, as probabilities.

use pulp::{Arch, NullaryFnOnce};

/// Halvings of the interval that a precision lies in, or doublings of its upper end.
const HALVINGS: usize = 100;
/// Difference of entropy, in nats, that is small enough.
const TOLERANCE: f64 = 1e-5;

/// The probabilities of pairs, found row by row.
#[derive(Clone, Debug)]
pub struct Affinities {
    rows: Vec<f32>,
    dim: usize,
    count: usize,
    /// That of every row's neighbours, in nats.
    entropy: f64,
    /// Rows that were found.
    found: usize,
    /// `[count, count]`: probabilities given the row, and joint ones once all are found.
    pairs: Vec<f32>,
}

impl Affinities {
    /// Of rows of `dim` numbers each; none is found yet.
    pub fn new(rows: &[f32], dim: usize, perplexity: f64) -> Self {
        let count = rows.len() / dim;
        // With more than this, a row's neighbours are nearly all rows.
        let most = (count.saturating_sub(1) as f64 / 3.0).max(1.0);
        Self {
            rows: rows.to_vec(),
            dim,
            count,
            entropy: perplexity.max(1.0).min(most).ln(),
            found: 0,
            pairs: Vec::new(),
        }
    }

    /// How many rows were found.
    pub fn found(&self) -> usize {
        self.found
    }

    /// Joint probabilities `[count, count]`, symmetric, of sum 1, 0 on the diagonal. Call it
    /// when all rows are found.
    pub fn joint(&self) -> &[f32] {
        &self.pairs
    }

    /// Finds the next `most` rows.
    pub fn find(&mut self, most: usize) {
        let end = (self.found + most).min(self.count);
        self.pairs
            .reserve_exact(self.count * self.count - self.pairs.len());
        for row in self.found..end {
            let distances = Arch::new().dispatch(Distances {
                rows: &self.rows,
                dim: self.dim,
                row,
            });
            let given = conditional(&distances, row, self.entropy);
            self.pairs.extend(given);
        }
        self.found = end;
        if end == self.count {
            self.join();
            self.rows = Vec::new();
        }
    }

    /// The mean of both directions, as a share of all pairs.
    fn join(&mut self) {
        let count = self.count;
        let scale = 0.5 / count as f32;
        for a in 0..count {
            for b in a + 1..count {
                let (there, back) = (a * count + b, b * count + a);
                let joint = (self.pairs[there] + self.pairs[back]) * scale;
                self.pairs[there] = joint;
                self.pairs[back] = joint;
            }
        }
    }
}

/// Squared distances of a row to all. A type and no closure: a compiler may leave those out
/// of the function that has the wider instructions.
struct Distances<'a> {
    rows: &'a [f32],
    dim: usize,
    row: usize,
}

impl NullaryFnOnce for Distances<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let own = &self.rows[self.row * self.dim..(self.row + 1) * self.dim];
        let mut distances = Vec::with_capacity(self.rows.len() / self.dim);
        for other in self.rows.chunks_exact(self.dim) {
            distances.push(squared_distance(own, other));
        }
        distances
    }
}

#[inline(always)]
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b));
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

/// The probabilities of a row's neighbours by their squared distances: a Gaussian around the
/// row, as wide as makes their entropy what is asked for.
fn conditional(distances: &[f32], row: usize, entropy: f64) -> Vec<f32> {
    let mut nearest = f32::INFINITY;
    for (other, &distance) in distances.iter().enumerate() {
        if other != row {
            nearest = nearest.min(distance);
        }
    }
    // Measured from the nearest one, whose weight is then 1 however far away it is.
    let beyond: Vec<f64> = (distances.iter().enumerate())
        .filter(|&(other, _)| other != row)
        .map(|(_, &distance)| f64::from(distance - nearest))
        .collect();
    let mean = beyond.iter().sum::<f64>() / beyond.len().max(1) as f64;
    let mut precision = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    let (mut low, mut high) = (0.0, None);
    let mut weights = vec![0.0; beyond.len()];
    let mut sum = 0.0;
    for _ in 0..HALVINGS {
        sum = 0.0;
        let mut moment = 0.0;
        for (weight, &distance) in weights.iter_mut().zip(&beyond) {
            *weight = (-precision * distance).exp();
            sum += *weight;
            moment += *weight * distance;
        }
        let excess = sum.ln() + precision * moment / sum - entropy;
        if excess.abs() <= TOLERANCE {
            break;
        }
        if excess > 0.0 {
            low = precision;
        } else {
            high = Some(precision);
        }
        precision = match high {
            Some(high) => 0.5 * (low + high),
            None => 2.0 * precision,
        };
    }
    let mut given: Vec<f32> = (weights.iter())
        .map(|weight| (weight / sum) as f32)
        .collect();
    given.insert(row, 0.0);
    given
}
