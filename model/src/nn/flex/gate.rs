//! Activations in which one number opens or closes another, and their gradients.

use rayon::prelude::*;

use super::differentiate::Operation;
use super::vectors::{normal, sigmoid, widely};

/// About how many numbers a thread takes at once.
const PART: usize = 1 << 14;

/// `x sigmoid(1.702 x)` of rows of `width` numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuickGelu {
    pub(super) width: usize,
}

impl QuickGelu {
    const SLOPE: f32 = 1.702;
}

impl Operation<1> for QuickGelu {
    type Kept = ();

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.width, 1, 1]
    }

    fn forward(&self, x: &[f32], _: &[f32], _: Option<&[f32]>) -> (Vec<f32>, ()) {
        let mut out = vec![0.0; x.len()];
        let parts = out.par_chunks_mut(PART).zip(x.par_chunks(PART));
        parts.for_each(|(out, x)| {
            widely(
                #[inline(always)]
                || {
                    let values = out.iter_mut().zip(x);
                    values.for_each(|(out, &x)| *out = x * sigmoid(Self::SLOPE * x));
                },
            );
        });
        (out, ())
    }

    fn backward(
        &self,
        [x, ..]: [&[f32]; 3],
        (): &(),
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let mut out = vec![0.0; x.len()];
        let parts = out.par_chunks_mut(PART).zip(x.par_chunks(PART));
        parts
            .zip(grad.par_chunks(PART))
            .for_each(|((out, x), grad)| {
                widely(
                    #[inline(always)]
                    || {
                        let values = out.iter_mut().zip(x).zip(grad);
                        values.for_each(|((out, &x), grad)| {
                            let open = sigmoid(Self::SLOPE * x);
                            *out = grad * open * (1.0 + Self::SLOPE * x * (1.0 - open));
                        });
                    },
                );
            });
        [Some(out), None, None]
    }
}

/// The first half of every row of `2 width` numbers times GELU of the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct GeGlu {
    pub(super) width: usize,
}

impl GeGlu {
    /// Rows of a thread's part.
    fn rows(&self) -> usize {
        (PART / self.width).max(1)
    }
}

impl Operation<1> for GeGlu {
    type Kept = ();

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.width, 1, 1]
    }

    fn forward(&self, x: &[f32], _: &[f32], _: Option<&[f32]>) -> (Vec<f32>, ()) {
        let (width, rows) = (self.width, self.rows());
        let mut out = vec![0.0; x.len() / 2];
        let parts = out.par_chunks_mut(rows * width);
        parts
            .zip(x.par_chunks(2 * rows * width))
            .for_each(|(out, x)| {
                widely(
                    #[inline(always)]
                    || {
                        for (out, x) in out.chunks_mut(width).zip(x.chunks(2 * width)) {
                            let (values, gates) = x.split_at(width);
                            let values = out.iter_mut().zip(values).zip(gates);
                            values.for_each(|((out, x), &gate)| *out = x * gate * normal(gate)[0]);
                        }
                    },
                );
            });
        (out, ())
    }

    fn backward(
        &self,
        [x, ..]: [&[f32]; 3],
        (): &(),
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let (width, rows) = (self.width, self.rows());
        let mut out = vec![0.0; x.len()];
        let parts = out.par_chunks_mut(2 * rows * width);
        let parts = parts.zip(x.par_chunks(2 * rows * width));
        let parts = parts.zip(grad.par_chunks(rows * width));
        parts.for_each(|((out, x), grad)| {
            widely(
                #[inline(always)]
                || {
                    let rows = out.chunks_mut(2 * width).zip(x.chunks(2 * width));
                    for ((out, x), grad) in rows.zip(grad.chunks(width)) {
                        let (values, gates) = x.split_at(width);
                        let (to_values, to_gates) = out.split_at_mut(width);
                        let out = to_values.iter_mut().zip(to_gates);
                        let taken = values.iter().zip(gates).zip(grad);
                        for ((to_value, to_gate), ((value, &gate), grad)) in out.zip(taken) {
                            let [below, density] = normal(gate);
                            *to_value = grad * gate * below;
                            *to_gate = grad * value * (below + gate * density);
                        }
                    }
                },
            );
        });
        [Some(out), None, None]
    }
}
