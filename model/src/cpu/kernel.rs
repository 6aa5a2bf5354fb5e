//! The innermost loop of a matrix product, for each instruction set.

/// Rows that are computed at once.
pub(super) const ROWS: usize = 4;
/// Columns that are computed at once: two vectors. With [`ROWS`] they make eight sums, which
/// together with what is added to them fit the sixteen registers that browsers have on x86.
pub(super) const COLUMNS: usize = 8;

/// `ROWS` rows of a factor, by columns.
pub(super) type RowPanel = [f32; ROWS];
/// `COLUMNS` columns of the other factor, by rows.
pub(super) type ColumnPanel = [f32; COLUMNS];

/// What a product does to what stands where it is written.
#[derive(Clone, Copy)]
pub(super) enum Write<'a> {
    /// Replaces it.
    Fresh,
    /// Replaces it by the product and a bias.
    Biased(&'a ColumnPanel),
    /// Is added to it.
    Sum,
}

/// Rows times one panel of columns.
pub(super) struct Task<'a> {
    /// The rows' panels one after another, `stride` entries each, of which the first as many
    /// as `columns` has are used.
    pub(super) rows: &'a [RowPanel],
    pub(super) stride: usize,
    /// Number of rows; the last panel may hold fewer than `ROWS`.
    pub(super) count: usize,
    pub(super) columns: &'a [ColumnPanel],
    pub(super) write: Write<'a>,
}

type Multiply = fn(&Task, out: &mut [f32], width: usize);
type Pair = fn(&[Task; 2], out: &mut [f32], width: usize);

/// A way to multiply matrices.
///
/// A WebAssembly module with one instruction that a browser does not know is refused as a
/// whole. So a kernel is a value, and a program contains the kernels that it names.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Row r of the product goes to `out[r * width..][..COLUMNS]`.
    pub(super) multiply: Multiply,
    /// The products of the same rows with two neighbouring panels of columns, the second to the
    /// right of the first, where that is faster than one after the other.
    pub(super) pair: Option<Pair>,
}

impl Kernel {
    /// For every processor, in the instructions that the compiler finds.
    pub const PORTABLE: Self = Self {
        multiply: portable::multiply,
        pair: None,
    };

    /// The fastest one of this processor.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn native() -> Self {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::is_available() {
            return Self {
                multiply: super::avx2::multiply,
                pair: Some(super::avx2::pair),
            };
        }
        Self::PORTABLE
    }

    /// Vectors of 128 bits, which every current browser has.
    #[cfg(target_arch = "wasm32")]
    pub const SIMD128: Self = Self {
        multiply: simd128::multiply,
        pair: None,
    };

    /// [`Self::SIMD128`], with products and sums in one instruction where the processor has
    /// it ("relaxed SIMD").
    ///
    /// A function that is inlined, as all that it calls is, and no constant: it is compiled
    /// where it is named. Were it compiled here, the compiler would use the instructions of
    /// relaxed SIMD all over this crate, since for WebAssembly it gives all functions of a
    /// unit the instruction set of any.
    #[cfg(target_arch = "wasm32")]
    #[inline]
    pub const fn relaxed() -> Self {
        Self {
            multiply: relaxed::multiply,
            pair: None,
        }
    }

    /// The panel of `count` that is best computed together with another one.
    pub(super) fn beside(self, index: usize, count: usize) -> Option<usize> {
        (self.pair.is_some() && index + 1 < count).then_some(index + 1)
    }
}

/// A module with `multiply` for one instruction set, given its vectors: `vector` of four
/// numbers, `splat` of one, `madd(a, b, c)` = a b + c, and `numbers` of a vector.
macro_rules! kernel {
    ($name:ident, $(#[$attribute:meta])*) => {
        mod $name {
            use super::*;
            use super::vectors::$name::{Vector, madd, numbers, splat, vector};

            $(#[$attribute])*
            pub(super) fn multiply(task: &Task, out: &mut [f32], width: usize) {
                let panels = task.rows.chunks(task.stride.max(1));
                let starts = (0..task.count).step_by(ROWS);
                for (panel, start) in panels.zip(starts) {
                    let out = &mut out[start * width..];
                    match task.count - start {
                        1 => tile::<1>(panel, task, out, width),
                        2 => tile::<2>(panel, task, out, width),
                        3 => tile::<3>(panel, task, out, width),
                        _ => tile::<ROWS>(panel, task, out, width),
                    }
                }
            }

            /// The product of `R` rows. The compiler makes vector loads of the lists of
            /// neighbours and keeps the sums in registers.
            $(#[$attribute])*
            fn tile<const R: usize>(rows: &[RowPanel], task: &Task, out: &mut [f32], width: usize) {
                let mut sums: [[Vector; 2]; R] = [[splat(0.0); 2]; R];
                for (row, column) in rows.iter().zip(task.columns) {
                    let [a, b, c, d, e, f, g, h] = *column;
                    let (left, right) = (vector(a, b, c, d), vector(e, f, g, h));
                    for r in 0..R {
                        let value = splat(row[r]);
                        sums[r][0] = madd(value, left, sums[r][0]);
                        sums[r][1] = madd(value, right, sums[r][1]);
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    let (a, b) = (numbers(sums[0]), numbers(sums[1]));
                    let sums = [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]];
                    let Some(out) = out[r * width..].first_chunk_mut::<COLUMNS>() else {
                        unreachable!("a panel is as wide as what it is written to");
                    };
                    match task.write {
                        Write::Fresh => *out = sums,
                        Write::Biased(bias) => *out = std::array::from_fn(|i| sums[i] + bias[i]),
                        Write::Sum => *out = std::array::from_fn(|i| out[i] + sums[i]),
                    }
                }
            }
        }
    };
}

kernel!(portable, #[inline]);
#[cfg(target_arch = "wasm32")]
kernel!(simd128, #[inline] #[target_feature(enable = "simd128")]);
#[cfg(target_arch = "wasm32")]
kernel!(relaxed, #[inline] #[target_feature(enable = "relaxed-simd")]);

/// Vectors of four numbers.
mod vectors {
    pub(super) mod portable {
        pub(in super::super) type Vector = [f32; 4];

        #[inline]
        pub(in super::super) fn splat(value: f32) -> Vector {
            [value; 4]
        }

        #[inline]
        pub(in super::super) fn vector(a: f32, b: f32, c: f32, d: f32) -> Vector {
            [a, b, c, d]
        }

        #[inline]
        pub(in super::super) fn madd(a: Vector, b: Vector, c: Vector) -> Vector {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }

        #[inline]
        pub(in super::super) fn numbers(vector: Vector) -> [f32; 4] {
            vector
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) mod simd128 {
        pub(in super::super) use std::arch::wasm32::{
            f32x4 as vector, f32x4_splat as splat, v128 as Vector,
        };
        use std::arch::wasm32::{f32x4_add, f32x4_extract_lane, f32x4_mul, v128};

        #[inline]
        #[target_feature(enable = "simd128")]
        pub(in super::super) fn madd(a: v128, b: v128, c: v128) -> v128 {
            f32x4_add(f32x4_mul(a, b), c)
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub(in super::super) fn numbers(vector: v128) -> [f32; 4] {
            [
                f32x4_extract_lane::<0>(vector),
                f32x4_extract_lane::<1>(vector),
                f32x4_extract_lane::<2>(vector),
                f32x4_extract_lane::<3>(vector),
            ]
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) mod relaxed {
        pub(in super::super) use super::simd128::{Vector, numbers, splat, vector};
        pub(in super::super) use std::arch::wasm32::f32x4_relaxed_madd as madd;
    }
}
