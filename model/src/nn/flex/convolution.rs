//! Convolutions and their gradients as matrix products, one image to a thread.

use std::ops::Range;

use rayon::prelude::*;

use super::differentiate::Operation;
use super::parts::{sum_parts, sum_rows};
use super::product::{Keep, Matrix, multiply};
use super::vectors::{sum, widely};

/// Numbers of the columns of one product: they stay in a core's second cache.
const TILE: usize = 1 << 17;

/// Sizes of a convolution without groups and dilation. Images are `[channels, height, width]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    /// In and out.
    pub(super) channels: [usize; 2],
    /// Height and width of what it takes; so below.
    pub(super) input: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
}

impl Convolution {
    /// Height and width of what it gives; none where the kernel is larger than the padded input.
    pub(super) fn output(&self) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let room = self.input[axis] + 2 * self.padding[axis];
            Some(room.checked_sub(self.kernel[axis])? / self.stride[axis] + 1)
        };
        Some([side(0)?, side(1)?])
    }

    /// The images `[B, out, ...]` of `x` `[B, in, ...]`, by weights `[out, in, kernel]` and a bias
    /// `[out]`.
    fn convolve(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let plan = Plan::new(self);
        let mut out = vec![0.0; x.len() / plan.taken * plan.given];
        let images = out.par_chunks_mut(plan.given).zip(x.par_chunks(plan.taken));
        images.for_each_init(Vec::new, |space, (out, image)| {
            let weight = Matrix::new(weight, [plan.out, plan.depth], plan.depth);
            for tile in plan.tiles() {
                let columns = plan.columns(image, &tile, space);
                let out = &mut out[tile.start * plan.width..];
                multiply(weight, columns, out, plan.area, Keep::Nothing);
            }
            let maps = out.chunks_mut(plan.area).zip(bias.unwrap_or_default());
            maps.for_each(|(map, bias)| map.iter_mut().for_each(|value| *value += bias));
        });
        out
    }

    /// The gradient of `x`, from that of the output.
    fn backward_input(&self, grad: &[f32], weight: &[f32]) -> Vec<f32> {
        let plan = Plan::new(self);
        let mut out = vec![0.0; grad.len() / plan.given * plan.taken];
        let images = out
            .par_chunks_mut(plan.taken)
            .zip(grad.par_chunks(plan.given));
        images.for_each_init(Vec::new, |space: &mut Vec<f32>, (out, grad)| {
            let weight = Matrix::new(weight, [plan.out, plan.depth], plan.depth).transposed();
            for tile in plan.tiles() {
                let grad = plan.part(grad, &tile);
                if plan.as_it_is {
                    let out = &mut out[tile.start * plan.width..];
                    multiply(weight, grad, out, plan.area, Keep::Nothing);
                    continue;
                }
                let width = tile.len() * plan.width;
                space.resize(plan.depth * width, 0.0);
                multiply(weight, grad, space, width, Keep::Nothing);
                widely(
                    #[inline(always)]
                    || plan.gather(&tile, space, out),
                );
            }
        });
        out
    }

    /// The gradient of the weights, from that of the output.
    fn backward_weight(&self, x: &[f32], grad: &[f32]) -> Vec<f32> {
        let plan = Plan::new(self);
        let sizes = [plan.taken, plan.given];
        sum_parts(x, grad, sizes, plan.out * plan.depth, |x, grad, sum| {
            let mut space = Vec::new();
            for (image, grad) in x.chunks(plan.taken).zip(grad.chunks(plan.given)) {
                for tile in plan.tiles() {
                    let columns = plan.columns(image, &tile, &mut space).transposed();
                    let grad = plan.part(grad, &tile);
                    multiply(grad, columns, sum, plan.depth, Keep::All);
                }
            }
        })
    }

    /// The gradient of the bias, from that of the output.
    fn backward_bias(&self, grad: &[f32]) -> Vec<f32> {
        let plan = Plan::new(self);
        let sums: Vec<f32> = (grad.par_chunks(plan.area))
            .map(|map| sum(map, |value| value))
            .collect();
        sum_rows(sums.chunks(plan.out), plan.out)
    }
}

impl Operation<4> for Convolution {
    type Kept = ();

    fn shape(&self, images: usize) -> [usize; 4] {
        let [height, width] = self.output().unwrap_or_default();
        [images, self.channels[1], height, width]
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, ()) {
        (self.convolve(x, weight, bias), ())
    }

    fn reads_input(&self, [_, weight, _]: [bool; 3]) -> bool {
        weight
    }

    fn backward(
        &self,
        [x, weight, _]: [&[f32]; 3],
        (): &(),
        grad: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        [
            wanted[0].then(|| self.backward_input(grad, weight)),
            wanted[1].then(|| self.backward_weight(x, grad)),
            wanted[2].then(|| self.backward_bias(grad)),
        ]
    }
}

/// What the loops over a convolution need.
struct Plan<'a> {
    of: &'a Convolution,
    out: usize,
    /// Numbers of an image that is taken and given.
    taken: usize,
    given: usize,
    /// Products of one number.
    depth: usize,
    /// Height, width and area of what is given.
    height: usize,
    width: usize,
    area: usize,
    /// Whether the columns are the image as it is.
    as_it_is: bool,
}

impl<'a> Plan<'a> {
    fn new(of: &'a Convolution) -> Self {
        let [height, width] = of.output().unwrap_or_default();
        let [inputs, out] = of.channels;
        let area = height * width;
        Self {
            of,
            out,
            taken: inputs * of.input[0] * of.input[1],
            given: out * area,
            depth: inputs * of.kernel[0] * of.kernel[1],
            height,
            width,
            area,
            as_it_is: of.kernel == [1, 1] && of.stride == [1, 1] && of.padding == [0, 0],
        }
    }

    /// Rows of the output that are computed together.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (height, rows) = (self.height, TILE / (self.depth * self.width).max(1));
        let rows = rows.max(1);
        (0..height)
            .step_by(rows)
            .map(move |start| start..height.min(start + rows))
    }

    /// A tile of the output or its gradient, `[out, positions]`.
    fn part<'b>(&self, grad: &'b [f32], tile: &Range<usize>) -> Matrix<'b> {
        let grad = &grad[tile.start * self.width..];
        Matrix::new(grad, [self.out, tile.len() * self.width], self.area)
    }

    /// What is multiplied for every position of a tile, `[depth, positions]`.
    fn columns<'b>(
        &self,
        image: &'b [f32],
        tile: &Range<usize>,
        space: &'b mut Vec<f32>,
    ) -> Matrix<'b> {
        let width = tile.len() * self.width;
        if self.as_it_is {
            let image = &image[tile.start * self.width..];
            return Matrix::new(image, [self.depth, width], self.area);
        }
        space.resize(self.depth * width, 0.0);
        widely(
            #[inline(always)]
            || self.spread(image, tile, space),
        );
        Matrix::new(space, [self.depth, width], width)
    }

    #[inline(always)]
    fn spread(&self, image: &[f32], tile: &Range<usize>, columns: &mut [f32]) {
        for (line, columns) in columns.chunks_mut(tile.len() * self.width).enumerate() {
            let (map, offset) = self.tap(line);
            let map = &image[map..][..self.of.input[0] * self.of.input[1]];
            let (inside, first) = self.inside(offset[1]);
            if let Some((to, from)) = self.shift(tile, offset) {
                columns[..to.start].fill(0.0);
                columns[to.end..].fill(0.0);
                columns[to.clone()].copy_from_slice(&map[from..][..to.len()]);
                self.clear_outside(columns, &inside);
                continue;
            }
            for (y, columns) in tile.clone().zip(columns.chunks_mut(self.width)) {
                let Some(row) = self.row(y, offset[0]) else {
                    columns.fill(0.0);
                    continue;
                };
                columns[..inside.start].fill(0.0);
                columns[inside.end..].fill(0.0);
                let (row, columns) = (&map[row + first..], &mut columns[inside.clone()]);
                match self.of.stride[1] {
                    2 => {
                        (columns.iter_mut().zip(row.chunks(2))).for_each(|(to, from)| *to = from[0])
                    }
                    step => (columns.iter_mut().zip(row.iter().step_by(step)))
                        .for_each(|(to, from)| *to = *from),
                }
            }
        }
    }

    /// Adds the gradients of a tile's columns to those of the image.
    #[inline(always)]
    fn gather(&self, tile: &Range<usize>, columns: &mut [f32], image: &mut [f32]) {
        for (line, columns) in columns.chunks_mut(tile.len() * self.width).enumerate() {
            let (map, offset) = self.tap(line);
            let map = &mut image[map..][..self.of.input[0] * self.of.input[1]];
            let (inside, first) = self.inside(offset[1]);
            if let Some((from, to)) = self.shift(tile, offset) {
                self.clear_outside(columns, &inside);
                let map = &mut map[to..][..from.len()];
                (map.iter_mut().zip(&columns[from])).for_each(|(to, from)| *to += from);
                continue;
            }
            for (y, columns) in tile.clone().zip(columns.chunks(self.width)) {
                let Some(row) = self.row(y, offset[0]) else {
                    continue;
                };
                let (row, columns) = (&mut map[row + first..], &columns[inside.clone()]);
                match self.of.stride[1] {
                    2 => (row.chunks_mut(2).zip(columns)).for_each(|(to, from)| to[0] += from),
                    step => (row.iter_mut().step_by(step).zip(columns))
                        .for_each(|(to, from)| *to += from),
                }
            }
        }
    }

    /// A convolution that keeps width and steps by one finds, at one place of the kernel, the map
    /// shifted. The columns of a tile that lie in the map, and the place of the first; where the
    /// shift crosses the map's sides, they hold what must be cleared.
    fn shift(&self, tile: &Range<usize>, offset: [usize; 2]) -> Option<(Range<usize>, usize)> {
        let [height, width] = self.of.input;
        if self.of.stride != [1, 1] || width != self.width {
            return None;
        }
        let length = tile.len() * width;
        let forward = (tile.start + offset[0]) * width + offset[1];
        let back = self.of.padding[0] * width + self.of.padding[1];
        let start = back.saturating_sub(forward).min(length);
        let end = (height * width + back).saturating_sub(forward);
        let end = end.clamp(start, length);
        Some(match start == end {
            true => (start..start, 0),
            false => (start..end, start + forward - back),
        })
    }

    /// Clears the positions of all rows that find padding.
    fn clear_outside(&self, columns: &mut [f32], inside: &Range<usize>) {
        if inside.len() < self.width {
            for row in columns.chunks_mut(self.width) {
                row[..inside.start].fill(0.0);
                row[inside.end..].fill(0.0);
            }
        }
    }

    /// Where the map of a line of the columns begins, and the place in the kernel.
    fn tap(&self, line: usize) -> (usize, [usize; 2]) {
        let [height, width] = self.of.kernel;
        let (channel, tap) = (line / (height * width), line % (height * width));
        let map = channel * self.of.input[0] * self.of.input[1];
        (map, [tap / width, tap % width])
    }

    /// Where in its map the row begins that row `y` of the output finds at a place of the kernel;
    /// none in the padding.
    fn row(&self, y: usize, offset: usize) -> Option<usize> {
        let row = (y * self.of.stride[0] + offset).checked_sub(self.of.padding[0])?;
        (row < self.of.input[0]).then_some(row * self.of.input[1])
    }

    /// The positions of a row that find no padding at a place of the kernel, and the column that
    /// the first of them finds.
    fn inside(&self, offset: usize) -> (Range<usize>, usize) {
        let (step, padding, input) = (self.of.stride[1], self.of.padding[1], self.of.input[1]);
        let start = padding
            .saturating_sub(offset)
            .div_ceil(step)
            .min(self.width);
        let end = (input + padding).saturating_sub(offset).div_ceil(step);
        let end = end.clamp(start, self.width);
        match start == end {
            true => (start..start, 0),
            false => (start..end, start * step + offset - padding),
        }
    }
}
