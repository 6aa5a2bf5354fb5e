//! Products of matrices that lie in slices.

use gemm::Parallelism;

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    /// Rows and columns.
    size: [usize; 2],
    /// From one row and one column to the next.
    steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Row-major, the rows `distance` apart.
    ///
    /// # Panics
    /// If `values` are fewer than `size` takes.
    pub(super) fn new(values: &'a [f32], size: [usize; 2], distance: usize) -> Self {
        assert!(reach(size, distance) <= values.len(), "too few values");
        Self {
            values,
            size,
            steps: [distance, 1],
        }
    }

    pub(super) fn transposed(self) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        Self {
            size: [columns, rows],
            steps: [right, down],
            ..self
        }
    }
}

/// How many values a row-major matrix spans.
fn reach([rows, columns]: [usize; 2], distance: usize) -> usize {
    match rows {
        0 => 0,
        _ => (rows - 1) * distance + columns,
    }
}

/// What a product does with what stands where it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Writes over it.
    Nothing,
    /// Is added to it.
    All,
}

/// Writes `a b` to a row-major matrix whose rows are `distance` apart, on this thread.
///
/// # Panics
/// If the sizes do not fit.
pub(super) fn multiply(a: Matrix, b: Matrix, out: &mut [f32], distance: usize, keep: Keep) {
    let ([rows, depth], [deep, columns]) = (a.size, b.size);
    assert_eq!(depth, deep, "matrices that do not go together");
    assert!(columns <= distance, "rows that overlap");
    assert!(reach([rows, columns], distance) <= out.len(), "no space");
    let step = |matrix: Matrix| matrix.steps.map(|step| step as isize);
    let ([a_down, a_right], [b_down, b_right]) = (step(a), step(b));
    #[allow(unsafe_code)]
    // SAFETY: `Matrix::new` and the assertions above hold all that the sizes and steps reach
    // inside the slices; `out` is borrowed for this call alone.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out.as_mut_ptr(),
            1,
            distance as isize,
            keep == Keep::All,
            a.values.as_ptr(),
            a_right,
            a_down,
            b.values.as_ptr(),
            b_right,
            b_down,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
