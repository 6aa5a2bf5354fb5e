//! What a transformer does between its matrix products, on rows of numbers.
//!
//! Written so that the compiler makes vector instructions of it: sums have [`LANES`] parts
//! that are independent of each other, and the exponential function has neither branches nor
//! tables.

/// Independent parts of a sum.
const LANES: usize = 8;

/// Added to a norm's variance.
const EPSILON: f32 = 1e-5;

/// Scale and shift of a norm.
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Norm {
    /// Writes the layer norm of `row` to `out`.
    pub(super) fn apply(&self, row: &[f32], out: &mut [f32]) {
        let (mean, inverse) = deviation(row);
        for (((out, x), weight), bias) in
            (out.iter_mut().zip(row)).zip(&self.weight).zip(&self.bias)
        {
            *out = (x - mean) * inverse * weight + bias;
        }
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.weight[..]) + size_of_val(&self.bias[..])
    }
}

/// Mean of `values`, and the inverse of their standard deviation.
pub(super) fn deviation(values: &[f32]) -> (f32, f32) {
    let scale = 1.0 / values.len() as f32;
    let mean = fold(values, 0.0, |sum, x| sum + x, |a, b| a + b) * scale;
    let square = |sum: f32, x: f32| sum + (x - mean) * (x - mean);
    let variance = fold(values, 0.0, square, |a, b| a + b) * scale;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// Scales every row of `[.., width]` to length 1.
pub(super) fn normalize(rows: &mut [f32], width: usize) {
    for row in rows.chunks_mut(width) {
        let square = fold(row, 0.0, |sum, x| sum + x * x, |a, b| a + b);
        let norm = square.sqrt().max(1e-12);
        row.iter_mut().for_each(|x| *x /= norm);
    }
}

/// Replaces scores by their softmax.
pub(super) fn softmax(row: &mut [f32]) {
    // Not `f32::max`, which costs more: it has an answer where one is no number.
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let largest = fold(row, f32::NEG_INFINITY, greater, greater);
    for x in row.iter_mut() {
        *x = exp(*x - largest);
    }
    let inverse = 1.0 / fold(row, 0.0, |sum, x| sum + x, |a, b| a + b);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// QuickGELU, `x sigmoid(1.702 x)`, of `row` into `out`.
pub(super) fn quick_gelu(row: &[f32], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(row) {
        *out = x / (1.0 + exp(-1.702 * x));
    }
}

/// A fold in [`LANES`] parts, which are merged in the end.
#[inline]
fn fold(
    row: &[f32],
    start: f32,
    step: impl Fn(f32, f32) -> f32,
    merge: impl Fn(f32, f32) -> f32,
) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut parts = [start; LANES];
    for chunk in chunks {
        for (part, x) in parts.iter_mut().zip(chunk) {
            *part = step(*part, *x);
        }
    }
    let whole = parts.into_iter().fold(start, merge);
    rest.iter().fold(whole, |sum, x| step(sum, *x))
}

/// e^x, to about one unit in the last place; below -87 and above 88 that of the bound.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r is the Taylor polynomial of degree 7. The sum
/// with 1.5 * 2^23 rounds to a whole number, which stands in the lowest bits of the result.
#[inline]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, of which n times the first one is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 88.0 { x } else { 88.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let high = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)));
    let power = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * high)));
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_function_is_exact_to_rounding() {
        for i in -8700..=8800 {
            let x = i as f32 * 0.01 + 0.003;
            let x = x.clamp(-87.0, 88.0);
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) / expected - 1.0).abs();
            assert!(error < 2.5e-7, "exp({x}): relative error {error:.1e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) < 1e-37 && exp(1e9) > 1e38);
    }

    #[test]
    fn softmax_of_large_and_of_equal_scores() {
        let mut row: Vec<f32> = (0..19).map(|i| 1000.0 - 0.1 * i as f32).collect();
        let expected: Vec<f64> = row.iter().map(|&x| (f64::from(x) - 1000.0).exp()).collect();
        let sum: f64 = expected.iter().sum();
        softmax(&mut row);
        for (found, expected) in row.iter().zip(&expected) {
            assert!((f64::from(*found) - expected / sum).abs() < 1e-6);
        }
        let mut row = [3.0; 5];
        softmax(&mut row);
        assert!(row.iter().all(|x| (x - 0.2).abs() < 1e-7));
    }

    #[test]
    fn quick_gelu_at_both_ends_and_between() {
        let row = [-100.0, -3.0, -0.5, 0.0, 0.7, 4.0, 100.0];
        let mut out = [0.0; 7];
        quick_gelu(&row, &mut out);
        for (x, found) in row.iter().zip(out) {
            let x = f64::from(*x);
            let expected = x / (1.0 + (-1.702 * x).exp());
            assert!((f64::from(found) - expected).abs() < 1e-6 * expected.abs().max(1.0));
        }
    }
}
