//! Layer normalisation and its gradients, some rows to a thread.

use rayon::prelude::*;

use super::differentiate::Operation;
use super::parts::{rows_of_part, sum_rows};
use super::vectors::{dot, sum, widely};

/// Sizes of a layer norm; every image is a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerNorm {
    pub(super) width: usize,
}

/// burn's default, which all layer norms have; a layer does not tell its own.
const EPSILON: f32 = 1e-5;

impl Operation<1> for LayerNorm {
    /// Mean and inverse deviation of every row.
    type Kept = Vec<[f32; 2]>;

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.width, 1, 1]
    }

    /// The bias is the shift.
    fn forward(&self, x: &[f32], scale: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, Self::Kept) {
        let shift = bias.unwrap_or_default();
        let width = self.width;
        let part = rows_of_part(x.len() / width) * width;
        let mut out = vec![0.0; x.len()];
        let mut statistics = vec![[0.0; 2]; x.len() / width];
        let parts = (
            out.par_chunks_mut(part),
            statistics.par_chunks_mut(part / width),
            x.par_chunks(part),
        );
        parts.into_par_iter().for_each(|(out, statistics, x)| {
            widely(
                #[inline(always)]
                || {
                    let rows = out.chunks_mut(width).zip(x.chunks(width));
                    for ((out, x), kept) in rows.zip(statistics.iter_mut()) {
                        let mean = sum(x, |value| value) / width as f32;
                        let variance = sum(x, |value| (value - mean) * (value - mean));
                        let inverse = (variance / width as f32 + EPSILON).sqrt().recip();
                        *kept = [mean, inverse];
                        let values = out.iter_mut().zip(x).zip(scale).zip(shift);
                        values.for_each(|(((out, x), scale), shift)| {
                            *out = (x - mean) * inverse * scale + shift;
                        });
                    }
                },
            );
        });
        (out, statistics)
    }

    fn backward(
        &self,
        [x, scale, _]: [&[f32]; 3],
        statistics: &Self::Kept,
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let width = self.width;
        let part = rows_of_part(x.len() / width) * width;
        let mut out = vec![0.0; x.len()];
        let parts = (
            out.par_chunks_mut(part),
            statistics.par_chunks(part / width),
            x.par_chunks(part),
            grad.par_chunks(part),
        );
        // Of scale, then of shift.
        let sums: Vec<Vec<f32>> = (parts.into_par_iter())
            .map(|(out, statistics, x, grad)| {
                let mut sums = vec![0.0; 2 * width];
                widely(
                    #[inline(always)]
                    || {
                        let (scales, shifts) = sums.split_at_mut(width);
                        let rows = out.chunks_mut(width).zip(x.chunks(width));
                        let rows = rows.zip(grad.chunks(width)).zip(statistics);
                        for (((out, x), grad), &[mean, inverse]) in rows {
                            let values = out.iter_mut().zip(x).zip(grad);
                            let sums = scales.iter_mut().zip(shifts.iter_mut());
                            for (((out, x), grad), ((to_scale, to_shift), scale)) in
                                values.zip(sums.zip(scale))
                            {
                                *to_scale += grad * (x - mean) * inverse;
                                *to_shift += grad;
                                *out = grad * scale;
                            }
                            let constant = sum(out, |value| value) / width as f32;
                            let along = dot(out, x, |x| (x - mean) * inverse) / width as f32;
                            (out.iter_mut().zip(x)).for_each(|(out, x)| {
                                let normal = (x - mean) * inverse;
                                *out = inverse * (*out - constant - normal * along);
                            });
                        }
                    },
                );
                sums
            })
            .collect();
        let mut scale = sum_rows(sums.iter().map(Vec::as_slice), 2 * width);
        let shift = scale.split_off(width);
        [out, scale, shift].map(Some)
    }
}
