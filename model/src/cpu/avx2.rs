//! The innermost loop of a matrix product on x86 processors with AVX2 and FMA.

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast, f32x8};

use super::kernel::{COLUMNS, ColumnPanel, Kernel, ROWS, RowPanel, Task, Write};

/// Panels of rows that are computed at once: with a vector for each row, twelve sums of the
/// sixteen registers, enough to hide how long a multiplication takes.
const TOGETHER: usize = 3;

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    V3::is_available()
}

/// Row r of the product goes to `out[r * width..][..COLUMNS]`.
pub(super) fn multiply(task: &Task, out: &mut [f32], width: usize) {
    match V3::try_new() {
        Some(simd) => simd.vectorize(Product {
            simd,
            task,
            out,
            width,
        }),
        None => (Kernel::PORTABLE.multiply)(task, out, width),
    }
}

struct Product<'a> {
    simd: V3,
    task: &'a Task<'a>,
    out: &'a mut [f32],
    width: usize,
}

impl NullaryFnOnce for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let Self { simd, task, .. } = self;
        let (stride, depth) = (task.stride.max(1), task.columns.len());
        let mut panels = task.rows.chunks(stride).take(task.count.div_ceil(ROWS));
        let mut row = 0;
        while let Some(first) = panels.next() {
            let rest = (panels.len() + 1 >= TOGETHER)
                .then(|| [panels.next(), panels.next()])
                .map(|next| next.map(|panel| &panel.unwrap_or(first)[..depth]));
            match rest {
                Some([second, third]) => {
                    let sums = sums(simd, [&first[..depth], second, third], task.columns);
                    row = sums
                        .into_iter()
                        .fold(row, |row, sums| self.write(row, sums));
                }
                None => {
                    let [sums] = sums(simd, [&first[..depth]], task.columns);
                    row = self.write(row, sums);
                }
            }
        }
    }
}

/// The products of `P` panels of rows.
#[inline(always)]
fn sums<const P: usize>(
    simd: V3,
    panels: [&[RowPanel]; P],
    columns: &[ColumnPanel],
) -> [[f32x8; ROWS]; P] {
    let mut sums = [[simd.splat_f32x8(0.0); ROWS]; P];
    for (k, column) in columns.iter().enumerate() {
        let column: f32x8 = cast(*column);
        for (sums, panel) in sums.iter_mut().zip(panels) {
            for (sum, value) in sums.iter_mut().zip(panel[k]) {
                *sum = simd.mul_add_f32x8(simd.splat_f32x8(value), column, *sum);
            }
        }
    }
    sums
}

impl Product<'_> {
    /// Writes the sums of the rows from `row` on, as many as there are; gives the next one.
    #[inline(always)]
    fn write(&mut self, row: usize, sums: [f32x8; ROWS]) -> usize {
        let rows = self.task.count - row;
        let out = self.out[row * self.width..].chunks_mut(self.width);
        for (out, sum) in out.zip(sums).take(rows) {
            let Some(out) = out.first_chunk_mut::<COLUMNS>() else {
                unreachable!("a panel is as wide as what it is written to");
            };
            let sum = match self.task.write {
                Write::Fresh => sum,
                Write::Biased(bias) => self.simd.add_f32x8(sum, cast(*bias)),
                Write::Sum => self.simd.add_f32x8(sum, cast(*out)),
            };
            *out = cast(sum);
        }
        row + ROWS.min(rows)
    }
}
