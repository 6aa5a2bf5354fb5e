//! Multi-head self-attention, after the projections.

use super::kernel::{COLUMNS, ColumnPanel, Kernel};
use super::maths::softmax;
use super::memory::filled;
use super::product::{Packed, Target, multiply, whole};
use crate::weights::WeightsError;

/// Sizes of an attention.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) images: usize,
    /// Queries per image.
    pub(super) queries: usize,
    /// Keys and values per image.
    pub(super) tokens: usize,
    pub(super) heads: usize,
    /// Width of a head.
    pub(super) head: usize,
}

/// Rows of numbers that stand `width` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) width: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn part(self, row: usize, from: usize, length: usize) -> &'a [f32] {
        &self.values[row * self.width + from..][..length]
    }
}

/// What one head of one image is computed in.
pub(super) struct Attention {
    queries: Packed,
    /// Keys as columns: panels of `COLUMNS` tokens, by the head's width.
    keys: Vec<ColumnPanel>,
    scores: Vec<f32>,
    weights: Packed,
    /// Panels of `COLUMNS` of the head's width, by token.
    values: Vec<ColumnPanel>,
}

impl Attention {
    pub(super) fn new(tokens: usize, head: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            scores: filled(0.0, [tokens, whole(tokens)])?,
            queries: Packed::with_space(tokens, head)?,
            keys: filled([0.0; COLUMNS], [tokens.div_ceil(COLUMNS), head])?,
            weights: Packed::with_space(tokens, tokens)?,
            values: filled([0.0; COLUMNS], [head.div_ceil(COLUMNS), tokens])?,
        })
    }

    /// Mixes the values of `key_value`, whose rows hold keys and then values of all heads, by
    /// the queries' attention to the keys. `out` must be a panel wider than the heads together.
    pub(super) fn run(
        &mut self,
        kernel: Kernel,
        shape: Shape,
        query: Rows,
        key_value: Rows,
        out: Target,
    ) {
        for image in 0..shape.images {
            for head in 0..shape.heads {
                self.score(kernel, shape, (image, head), query, key_value);
                // A head that is no whole number of panels is written with zeros behind it,
                // which the next head replaces.
                let first = image * shape.queries * out.width + head * shape.head;
                let out = Target {
                    values: &mut out.values[first..],
                    width: out.width,
                };
                self.mix(kernel, shape, (image, head), key_value, out);
            }
        }
    }

    /// `scores` = queries times keys.
    fn score(
        &mut self,
        kernel: Kernel,
        shape: Shape,
        (image, head): (usize, usize),
        query: Rows,
        key_value: Rows,
    ) {
        let (tokens, width) = (shape.tokens, shape.head);
        let scale = (width as f32).sqrt().recip();
        self.queries.fill(shape.queries, width, |i, row| {
            let query = query.part(image * shape.queries + i, head * width, width);
            for (out, x) in row.iter_mut().zip(query) {
                *out = x * scale;
            }
        });
        for (panel, first) in (self.keys.chunks_mut(width)).zip((0..tokens).step_by(COLUMNS)) {
            let keys: [&[f32]; COLUMNS] = std::array::from_fn(|i| {
                // The last panel is filled up with a key that is there; nobody reads its scores.
                let token = (first + i).min(tokens - 1);
                key_value.part(image * tokens + token, head * width, width)
            });
            for (i, entry) in panel.iter_mut().enumerate() {
                *entry = keys.map(|key| key[i]);
            }
        }
        let scores = Target {
            values: &mut self.scores,
            width: whole(tokens),
        };
        multiply(kernel, &self.queries, &self.keys, scores);
    }

    /// `out` = softmax of the scores times values.
    fn mix(
        &mut self,
        kernel: Kernel,
        shape: Shape,
        (image, head): (usize, usize),
        key_value: Rows,
        out: Target,
    ) {
        let (tokens, width) = (shape.tokens, shape.head);
        let scores = Rows {
            values: &self.scores,
            width: whole(tokens),
        };
        self.weights.fill(shape.queries, tokens, |i, row| {
            row.copy_from_slice(scores.part(i, 0, tokens));
            softmax(row);
        });
        let first = (shape.heads + head) * width;
        for (panel, start) in (self.values.chunks_mut(tokens)).zip((0..width).step_by(COLUMNS)) {
            let here = COLUMNS.min(width - start);
            for (token, entry) in panel.iter_mut().enumerate() {
                let values = key_value.part(image * tokens + token, first + start, here);
                match values.first_chunk() {
                    Some(values) => *entry = *values,
                    None => entry[..here].copy_from_slice(values),
                }
            }
        }
        multiply(kernel, &self.weights, &self.values, out);
    }
}
