//! The innermost loop of a matrix product on x86 processors with AVX2 and FMA.

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast, f32x8};

use super::kernel::{COLUMNS, ColumnPanel, Kernel, ROWS, Task, Write};

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    V3::is_available()
}

/// Row r of the product goes to `out[r * width..][..COLUMNS]`.
pub(super) fn multiply(task: &Task, out: &mut [f32], width: usize) {
    match V3::try_new() {
        Some(simd) => simd.vectorize(Product {
            simd,
            tasks: [task],
            out,
            width,
        }),
        None => (Kernel::PORTABLE.multiply)(task, out, width),
    }
}

/// [`multiply`] of two neighbouring panels of columns: twice the work for what is read of the
/// rows, and eight sums, enough to hide how long a multiplication takes.
pub(super) fn pair([left, right]: &[Task; 2], out: &mut [f32], width: usize) {
    match V3::try_new() {
        Some(simd) => simd.vectorize(Product {
            simd,
            tasks: [left, right],
            out,
            width,
        }),
        None => {
            (Kernel::PORTABLE.multiply)(left, out, width);
            (Kernel::PORTABLE.multiply)(right, &mut out[COLUMNS..], width);
        }
    }
}

/// The same rows times `N` neighbouring panels of columns.
struct Product<'a, const N: usize> {
    simd: V3,
    tasks: [&'a Task<'a>; N],
    out: &'a mut [f32],
    width: usize,
}

impl<const N: usize> NullaryFnOnce for Product<'_, N> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, tasks, .. } = self;
        let (rows, count, stride) = (tasks[0].rows, tasks[0].count, tasks[0].stride.max(1));
        let depth = tasks[0].columns.len();
        let columns: [&[ColumnPanel]; N] = tasks.map(|task| &task.columns[..depth]);
        for (panel, first) in rows.chunks(stride).zip((0..count).step_by(ROWS)) {
            let mut sums = [[simd.splat_f32x8(0.0); N]; ROWS];
            for (k, row) in panel[..depth].iter().enumerate() {
                let columns: [f32x8; N] = columns.map(|column| cast(column[k]));
                for (sums, value) in sums.iter_mut().zip(*row) {
                    let value = simd.splat_f32x8(value);
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = simd.mul_add_f32x8(value, column, *sum);
                    }
                }
            }
            for (sums, row) in sums.into_iter().zip(first..count) {
                let out = self.out[row * self.width..].as_chunks_mut::<COLUMNS>().0;
                for (i, (sum, task)) in sums.into_iter().zip(tasks).enumerate() {
                    let out = &mut out[i];
                    let sum = match task.write {
                        Write::Fresh => sum,
                        Write::Biased(bias) => simd.add_f32x8(sum, cast(*bias)),
                        Write::Sum => simd.add_f32x8(sum, cast(*out)),
                    };
                    *out = cast(sum);
                }
            }
        }
    }
}
