//! Linear layers and their gradients as matrix products, some rows to a thread.

use rayon::prelude::*;

use super::Layout;
use super::differentiate::Operation;
use super::parts::{sum_all, sum_parts};
use super::product::{Keep, Matrix, multiply};

/// Rows of one product.
const ROWS: usize = 128;

/// Sizes of a linear layer; every image is a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) layout: Layout,
}

impl Linear {
    fn matrix(values: &[f32], columns: usize) -> Matrix<'_> {
        Matrix::new(values, [values.len() / columns, columns], columns)
    }

    /// The weight as `[in, out]`.
    fn weight<'a>(&self, values: &'a [f32]) -> Matrix<'a> {
        match self.layout {
            Layout::InOut => Self::matrix(values, self.outputs),
            Layout::OutIn => Self::matrix(values, self.inputs).transposed(),
        }
    }

    /// Products of all rows of `x` `[rows, from]` with `factor`, `[from, to]`.
    fn products(
        x: &[f32],
        factor: Matrix,
        [from, to]: [usize; 2],
        bias: Option<&[f32]>,
    ) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / from * to];
        let parts = out.par_chunks_mut(ROWS * to).zip(x.par_chunks(ROWS * from));
        parts.for_each(|(out, x)| {
            multiply(Self::matrix(x, from), factor, out, to, Keep::Nothing);
            if let Some(bias) = bias {
                for row in out.chunks_mut(to) {
                    (row.iter_mut().zip(bias)).for_each(|(value, bias)| *value += bias);
                }
            }
        });
        out
    }
}

impl Operation<2> for Linear {
    type Kept = ();

    fn shape(&self, images: usize) -> [usize; 4] {
        [images, self.outputs, 1, 1]
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, ()) {
        let out = Self::products(x, self.weight(weight), [self.inputs, self.outputs], bias);
        (out, ())
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
        let (inputs, outputs) = (self.inputs, self.outputs);
        let of_input = || {
            let weight = self.weight(weight).transposed();
            Self::products(grad, weight, [outputs, inputs], None)
        };
        let of_weight = || {
            sum_parts(
                x,
                grad,
                [inputs, outputs],
                inputs * outputs,
                |x, grad, sum| {
                    let x = Self::matrix(x, inputs);
                    let grad = Self::matrix(grad, outputs);
                    let (a, b, columns) = match self.layout {
                        Layout::InOut => (x, grad, outputs),
                        Layout::OutIn => (grad, x, inputs),
                    };
                    multiply(a.transposed(), b, sum, columns, Keep::Nothing);
                },
            )
        };
        [
            wanted[0].then(of_input),
            wanted[1].then(of_weight),
            wanted[2].then(|| sum_all(grad, outputs)),
        ]
    }
}
