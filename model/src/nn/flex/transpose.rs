//! Rows to columns, image by image.

use rayon::prelude::*;

use super::differentiate::Operation;
use super::vectors::widely;

/// Sides of a square that is copied at once: its lines lie in the first cache.
const SIDE: usize = 16;

/// Images of `rows` by `columns` to images of `columns` by `rows`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transpose {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Transpose {
    fn apply(rows: usize, columns: usize, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let images = out.par_chunks_mut(rows * columns);
        images
            .zip(x.par_chunks(rows * columns))
            .for_each(|(out, x)| {
                widely(
                    #[inline(always)]
                    || {
                        for row in (0..rows).step_by(SIDE) {
                            for column in (0..columns).step_by(SIDE) {
                                for to in column..columns.min(column + SIDE) {
                                    let out = &mut out[to * rows..][row..rows.min(row + SIDE)];
                                    let x = x[row * columns + to..].iter().step_by(columns);
                                    (out.iter_mut().zip(x)).for_each(|(out, x)| *out = *x);
                                }
                            }
                        }
                    },
                );
            });
        out
    }
}

impl Operation<1> for Transpose {
    type Kept = ();

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.columns, self.rows, 1]
    }

    fn forward(&self, x: &[f32], _: &[f32], _: Option<&[f32]>) -> (Vec<f32>, ()) {
        (Self::apply(self.rows, self.columns, x), ())
    }

    fn reads_input(&self, _wanted: [bool; 3]) -> bool {
        false
    }

    fn backward(
        &self,
        _: [&[f32]; 3],
        (): &(),
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let of_input = Self::apply(self.columns, self.rows, grad);
        [Some(of_input), None, None]
    }
}
