//! Self-attention and its gradients, one image to a thread.
//!
//! Weights are not kept for the gradients but computed again from the logarithms of their rows'
//! sums (FlashAttention; Dao et al., 2022).

use rayon::prelude::*;

use super::differentiate::Operation;
use super::product::{Keep, Matrix, multiply};
use super::vectors::{dot, exp, greatest, sum, widely};

/// Sizes of a self-attention. An image is `tokens` rows of query, key and value, `width` numbers
/// each, of which every head has its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    pub(super) heads: usize,
    pub(super) tokens: usize,
    pub(super) width: usize,
}

impl Attention {
    /// Numbers of a head.
    fn head(&self) -> usize {
        self.width / self.heads
    }

    fn scale(&self) -> f32 {
        (self.head() as f32).sqrt().recip()
    }

    /// A head's part of the rows of an image that are `distance` apart, `from` their start.
    fn part<'a>(&self, image: &'a [f32], from: usize, distance: usize) -> Matrix<'a> {
        Matrix::new(&image[from..], [self.tokens, self.head()], distance)
    }

    /// A head's queries, keys and values.
    fn parts<'a>(&self, image: &'a [f32], head: usize) -> [Matrix<'a>; 3] {
        let from = |which| which * self.width + head * self.head();
        [0, 1, 2].map(|which| self.part(image, from(which), 3 * self.width))
    }

    fn square<'a>(&self, values: &'a [f32]) -> Matrix<'a> {
        Matrix::new(values, [self.tokens; 2], self.tokens)
    }

    /// Space for the weights of a head.
    fn space(&self) -> Vec<f32> {
        vec![0.0; self.tokens * self.tokens]
    }
}

impl Operation<1> for Attention {
    /// Logarithm of the sum of exponentials of every row of scores, `[images, heads, tokens]`.
    type Kept = Vec<f32>;

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.tokens, self.width, 1]
    }

    fn forward(&self, x: &[f32], _: &[f32], _: Option<&[f32]>) -> (Vec<f32>, Vec<f32>) {
        let Self {
            heads,
            tokens,
            width,
        } = *self;
        let mut out = vec![0.0; x.len() / 3];
        let mut sums = vec![0.0; x.len() / (3 * width) * heads];
        let images = (
            out.par_chunks_mut(tokens * width),
            sums.par_chunks_mut(heads * tokens),
            x.par_chunks(3 * tokens * width),
        );
        let space = || self.space();
        (images.into_par_iter()).for_each_init(space, |weights, (out, sums, x)| {
            for (head, sums) in sums.chunks_mut(tokens).enumerate() {
                let [queries, keys, values] = self.parts(x, head);
                multiply(queries, keys.transposed(), weights, tokens, Keep::Nothing);
                let scale = self.scale();
                widely(
                    #[inline(always)]
                    || {
                        for (row, kept) in weights.chunks_mut(tokens).zip(sums.iter_mut()) {
                            let most = greatest(row);
                            (row.iter_mut())
                                .for_each(|value| *value = exp(scale * (*value - most)));
                            let total = sum(row, |value| value);
                            row.iter_mut().for_each(|value| *value /= total);
                            *kept = scale * most + total.ln();
                        }
                    },
                );
                let out = &mut out[head * self.head()..];
                multiply(self.square(weights), values, out, width, Keep::Nothing);
            }
        });
        (out, sums)
    }

    fn backward(
        &self,
        [x, ..]: [&[f32]; 3],
        sums: &Vec<f32>,
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let Self {
            heads,
            tokens,
            width,
        } = *self;
        let mut out = vec![0.0; x.len()];
        let images = (
            out.par_chunks_mut(3 * tokens * width),
            sums.par_chunks(heads * tokens),
            x.par_chunks(3 * tokens * width),
            grad.par_chunks(tokens * width),
        );
        let space = || [self.space(), self.space()];
        let images = images.into_par_iter();
        images.for_each_init(space, |[weights, slopes], (out, sums, x, grad)| {
            for (head, sums) in sums.chunks(tokens).enumerate() {
                let [queries, keys, values] = self.parts(x, head);
                let grad = self.part(grad, head * self.head(), width);
                multiply(queries, keys.transposed(), weights, tokens, Keep::Nothing);
                multiply(grad, values.transposed(), slopes, tokens, Keep::Nothing);
                let scale = self.scale();
                widely(
                    #[inline(always)]
                    || {
                        let rows = weights.chunks_mut(tokens).zip(slopes.chunks_mut(tokens));
                        for ((weights, slopes), sum) in rows.zip(sums) {
                            let values = weights.iter_mut();
                            values.for_each(|value| *value = exp(scale * *value - sum));
                            let mean = dot(weights, slopes, |slope| slope);
                            (slopes.iter_mut().zip(weights.iter())).for_each(|(slope, weight)| {
                                *slope = weight * (*slope - mean) * scale;
                            });
                        }
                    },
                );
                let [weights, slopes] = [&*weights, &*slopes].map(|values| self.square(values));
                let found = [
                    (slopes, keys),
                    (slopes.transposed(), queries),
                    (weights.transposed(), grad),
                ];
                for (which, (a, b)) in found.into_iter().enumerate() {
                    let out = &mut out[which * width + head * self.head()..];
                    multiply(a, b, out, 3 * width, Keep::Nothing);
                }
            }
        });
        [Some(out), None, None]
    }
}
