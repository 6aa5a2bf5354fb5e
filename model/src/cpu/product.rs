//! Matrix products.

use std::ops::Range;

use super::kernel::{COLUMNS, ColumnPanel, Kernel, ROWS, RowPanel, Task, Write};
use super::memory::filled;
use super::weights::Panels;
use crate::weights::WeightsError;
use crate::weights::file::Stored;

/// Depth of the parts in which a product is computed: a part of a panel of columns stays in
/// the fastest cache while all rows pass, and a part of all rows in the next one.
const PART: usize = 256;

/// A matrix `[count, depth]` packed for products: panels of `ROWS` rows, each `depth` entries.
pub(super) struct Packed {
    panels: Vec<RowPanel>,
    /// The rows of one panel, before they are packed.
    rows: Vec<f32>,
    depth: usize,
    count: usize,
}

impl Packed {
    /// Space for `[count, depth]`.
    pub(super) fn with_space(count: usize, depth: usize) -> Result<Self, WeightsError> {
        Self::for_any(&[(count, depth)])
    }

    /// Space for each of some `(count, depth)`.
    pub(super) fn for_any(sizes: &[(usize, usize)]) -> Result<Self, WeightsError> {
        let panels = sizes
            .iter()
            .map(|&(count, depth)| count.div_ceil(ROWS).saturating_mul(depth));
        let depth = sizes.iter().map(|&(_, depth)| depth);
        Ok(Self {
            panels: filled([0.0; ROWS], [panels.max().unwrap_or(0), 1])?,
            rows: filled(0.0, [ROWS, depth.max().unwrap_or(0)])?,
            depth: 0,
            count: 0,
        })
    }

    /// Packs `count` rows of `depth` numbers, which `write` writes, given a row's number.
    pub(super) fn fill(
        &mut self,
        count: usize,
        depth: usize,
        mut write: impl FnMut(usize, &mut [f32]),
    ) {
        let mut rows = std::mem::take(&mut self.rows);
        self.fill_panels(count, depth, |first, panel| {
            let rows = &mut rows[..ROWS * depth];
            for (row, number) in rows.chunks_mut(depth).zip(first..count) {
                write(number, row);
            }
            interleave(rows, panel);
        });
        self.rows = rows;
    }

    /// Packs `count` rows of `depth` numbers, whose panels `write` fills, given the number of a
    /// panel's first row.
    pub(super) fn fill_panels(
        &mut self,
        count: usize,
        depth: usize,
        mut write: impl FnMut(usize, &mut [RowPanel]),
    ) {
        (self.count, self.depth) = (count, depth);
        let firsts = (0..count).step_by(ROWS);
        for (panel, first) in self.panels.chunks_mut(depth).zip(firsts) {
            write(first, panel);
        }
    }
}

/// Rows one after another to a panel.
fn interleave(rows: &[f32], panel: &mut [RowPanel]) {
    let depth = panel.len();
    let (a, rest) = rows.split_at(depth);
    let (b, rest) = rest.split_at(depth);
    let (c, d) = rest.split_at(depth);
    for ((((entry, a), b), c), d) in panel.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *entry = [*a, *b, *c, *d];
    }
}

/// Where a product goes: rows `width` numbers apart, at least as many as its columns filled up
/// to whole panels.
pub(super) struct Target<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) width: usize,
}

/// A layer that multiplies rows by weights: `x W^T + b`.
pub(super) struct Linear {
    weights: Panels,
    /// By panels; none for no bias.
    bias: Vec<ColumnPanel>,
}

impl Linear {
    /// Packs some of the outputs of a file's layer `[.., inputs]`; `bias` is that of all or empty.
    pub(super) fn pack(
        weights: Stored,
        bias: &[f32],
        inputs: usize,
        outputs: Range<usize>,
    ) -> Result<Self, WeightsError> {
        let bias = bias.get(outputs.clone()).unwrap_or_default();
        let panels = bias
            .chunks(COLUMNS)
            .map(|chunk| std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0.0)));
        Ok(Self {
            bias: panels.collect(),
            weights: Panels::pack(weights, inputs, outputs)?,
        })
    }

    /// Width of what it makes.
    pub(super) fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.weights.bytes() + size_of_val(&self.bias[..])
    }

    /// Replaces `target` by the layer's output.
    pub(super) fn write(&self, kernel: Kernel, rows: &Packed, target: Target, wide: &mut Wide) {
        self.run(kernel, rows, target, wide, false);
    }

    /// Adds the layer's output to `target`.
    pub(super) fn add(&self, kernel: Kernel, rows: &Packed, target: Target, wide: &mut Wide) {
        if let (false, width) = (self.bias.is_empty(), target.width) {
            let bias = self.bias.as_flattened();
            for row in target.values.chunks_mut(width).take(rows.count) {
                row.iter_mut()
                    .zip(bias)
                    .for_each(|(value, bias)| *value += bias);
            }
        }
        self.run(kernel, rows, target, wide, true);
    }

    fn run(&self, kernel: Kernel, rows: &Packed, target: Target, wide: &mut Wide, sum: bool) {
        let (depth, count) = (self.weights.depth(), self.weights.count());
        assert_eq!(rows.depth, depth, "rows of another layer");
        for from in (0..depth).step_by(PART) {
            let (part, sum) = (from..depth.min(from + PART), sum || from > 0);
            let mut index = 0;
            while index < count {
                let [space, beside] = &mut wide.0;
                let first = self.task(rows, part.clone(), index, sum, space);
                let second = kernel.beside(index, count);
                let second = second.map(|next| self.task(rows, part.clone(), next, sum, beside));
                let out = &mut target.values[index * COLUMNS..];
                index += compute(kernel, first, second, out, target.width);
            }
        }
    }

    /// Rows times a part of a panel, which may be widened in `space`.
    fn task<'a>(
        &'a self,
        rows: &'a Packed,
        part: Range<usize>,
        index: usize,
        sum: bool,
        space: &'a mut [ColumnPanel],
    ) -> Task<'a> {
        Task {
            rows: &rows.panels[part.start..],
            stride: rows.depth,
            count: rows.count,
            columns: self.weights.panel(index, part.start, part.end, space),
            write: match self.bias.get(index) {
                _ if sum => Write::Sum,
                Some(bias) => Write::Biased(bias),
                None => Write::Fresh,
            },
        }
    }
}

/// Computes one product, or two with neighbouring panels of columns; says how many.
fn compute(
    kernel: Kernel,
    first: Task,
    second: Option<Task>,
    out: &mut [f32],
    width: usize,
) -> usize {
    match (kernel.pair, second) {
        (Some(pair), Some(second)) => {
            pair(&[first, second], out, width);
            2
        }
        _ => {
            (kernel.multiply)(&first, out, width);
            1
        }
    }
}

/// Where parts of two panels of half-precision weights are widened.
pub(super) struct Wide([[ColumnPanel; PART]; 2]);

impl Wide {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self([[[0.0; COLUMNS]; PART]; 2]))
    }
}

/// Replaces `target` by the product of rows and panels of columns that were made on the way.
pub(super) fn multiply(kernel: Kernel, rows: &Packed, columns: &[ColumnPanel], target: Target) {
    let depth = rows.depth;
    let task = |index: usize| Task {
        rows: &rows.panels,
        stride: depth,
        count: rows.count,
        columns: &columns[index * depth..][..depth],
        write: Write::Fresh,
    };
    let (mut index, count) = (0, columns.len() / depth);
    while index < count {
        let second = kernel.beside(index, count).map(task);
        let out = &mut target.values[index * COLUMNS..];
        index += compute(kernel, task(index), second, out, target.width);
    }
}

/// `width` filled up to whole panels of columns.
pub(super) fn whole(width: usize) -> usize {
    width.next_multiple_of(COLUMNS)
}
