//! A map of embeddings in two dimensions: exact t-SNE (van der Maaten and Hinton, "Visualizing
//! data using t-SNE", 2008), in steps that a caller may do other things between.

mod affinities;
mod forces;
#[cfg(test)]
mod tests;

use affinities::Affinities;
use forces::{divergence, forces};

use super::{Projection, RetrievalError};

/// Rows whose neighbours are found in one step.
const ROWS: usize = 16;
/// Steps that move the points.
const MOVES: usize = 1000;
/// How many of them pull neighbours together harder, so that clusters form before they settle.
const EARLY: usize = 250;
/// How much harder.
const EXAGGERATION: f32 = 12.0;
/// Standard deviation of the first coordinate at the start.
const SPREAD: f64 = 1e-4;
/// A map of points that hardly move is finished.
const STILL: f32 = 1e-7;

/// A map on its way. Its cost grows with the square of the number of rows, and so does its
/// memory: four bytes for every pair.
///
/// ```
/// # use dcac_model::retrieval::Map;
/// let embeddings = [0.0, 0.1, 0.9, 1.0, 0.2, 0.0, 1.0, 0.8];
/// let mut map = Map::new(&embeddings, 2, 30.0)?;
/// while !map.done() {
///     map.step();
/// }
/// assert_eq!(map.positions().len(), 4);
/// # Ok::<(), dcac_model::retrieval::RetrievalError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Map {
    affinities: Affinities,
    positions: Vec<[f32; 2]>,
    velocities: Vec<[f32; 2]>,
    gains: Vec<[f32; 2]>,
    moves: usize,
    still: bool,
}

impl Map {
    /// Begins a map of rows of `dim` numbers each, with the rows in the plane of their first
    /// two principal components. `perplexity` is about how many neighbours count for each row;
    /// it is lowered to a third of the other rows.
    ///
    /// # Errors
    /// Numbers that make no whole rows, and such that are not finite.
    pub fn new(embeddings: &[f32], dim: usize, perplexity: f64) -> Result<Self, RetrievalError> {
        let plane = Projection::fit(embeddings, dim)?;
        let positions: Vec<[f32; 2]> = (embeddings.chunks_exact(dim))
            .map(|row| plane.apply(row))
            .collect();
        let count = positions.len();
        let squares = positions.iter().map(|&[x, _]| f64::from(x).powi(2));
        let deviation = (squares.sum::<f64>() / count.max(1) as f64).sqrt();
        let scale = if deviation > 0.0 {
            SPREAD / deviation
        } else {
            0.0
        };
        let scaled = |point: &[f32; 2]| point.map(|value| (f64::from(value) * scale) as f32);
        Ok(Self {
            affinities: Affinities::new(embeddings, dim, perplexity),
            positions: positions.iter().map(scaled).collect(),
            velocities: vec![[0.0; 2]; count],
            gains: vec![[1.0; 2]; count],
            moves: 0,
            // Three points lie in a plane as they are, and equal ones have nowhere to go.
            still: count <= 3 || deviation == 0.0,
        })
    }

    /// Whether there is nothing left to do.
    pub fn done(&self) -> bool {
        self.still || self.moves == MOVES
    }

    /// How much has been done, 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.done() {
            return 1.0;
        }
        let before = self.positions.len().div_ceil(ROWS);
        let found = self.affinities.found().div_ceil(ROWS);
        (found + self.moves) as f64 / (before + MOVES) as f64
    }

    /// Goes on a little: finds the neighbours of some rows, or, once all are found, moves all
    /// points. Does nothing when it is done.
    pub fn step(&mut self) {
        if self.done() {
            return;
        }
        if self.affinities.found() < self.positions.len() {
            self.affinities.find(ROWS);
            return;
        }
        let early = self.moves < EARLY;
        let exaggeration = if early { EXAGGERATION } else { 1.0 };
        let momentum = if early { 0.5 } else { 0.8 };
        let gradient = forces(self.affinities.joint(), &self.positions, exaggeration);
        let rate = self.rate();
        let mut norm = 0.0;
        for (index, slope) in gradient.iter().enumerate() {
            for axis in 0..2 {
                let (slope, velocity) = (slope[axis], &mut self.velocities[index][axis]);
                let gain = &mut self.gains[index][axis];
                // Jacobs' rule: faster where the direction stays.
                *gain = if slope * *velocity < 0.0 {
                    *gain + 0.2
                } else {
                    (*gain * 0.8).max(0.01)
                };
                *velocity = momentum * *velocity - rate * *gain * slope;
                self.positions[index][axis] += *velocity;
                norm += slope * slope;
            }
        }
        self.centre();
        self.moves += 1;
        self.still = !early && norm.sqrt() < STILL;
    }

    /// Where the points are, in the order of the rows: at the start on their principal
    /// components, scaled down. Only relative distances mean something.
    pub fn positions(&self) -> &[[f32; 2]] {
        &self.positions
    }

    /// How much of the rows' neighbourhoods the map does not show, in nats: the Kullback-Leibler
    /// divergence that the moves lower. None before all neighbours are found.
    pub fn divergence(&self) -> Option<f64> {
        let found = !self.positions.is_empty() && self.affinities.found() == self.positions.len();
        found.then(|| divergence(self.affinities.joint(), &self.positions))
    }

    /// As scikit-learn chooses it: in proportion to the number of points, whose probabilities
    /// are shares of 1 (Belkina and others, 2019).
    fn rate(&self) -> f32 {
        (self.positions.len() as f32 / EXAGGERATION / 4.0).max(50.0)
    }

    fn centre(&mut self) {
        for axis in 0..2 {
            let sum: f64 = self.positions.iter().map(|p| f64::from(p[axis])).sum();
            let mean = (sum / self.positions.len() as f64) as f32;
            for point in &mut self.positions {
                point[axis] -= mean;
            }
        }
    }
}
