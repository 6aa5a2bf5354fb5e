//! Loops and functions that the compiler turns into the widest vectors of the processor.

use pulp::{Arch, NullaryFnOnce};

/// What a closure computes, with the widest vectors of this processor. The closure must be inlined,
/// and must change what it borrows: for others the compiler puts a function in between that it
/// compiles for every processor.
#[inline(always)]
pub(super) fn widely<R>(compute: impl FnMut() -> R) -> R {
    struct Wide<F>(F);
    impl<R, F: FnMut() -> R> NullaryFnOnce for Wide<F> {
        type Output = R;

        #[inline(always)]
        fn call(mut self) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Wide(compute))
}

/// Numbers that are added at once.
const LANES: usize = 16;

/// Sum of a function of all values, in an order that vectors can follow.
#[inline(always)]
pub(super) fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&value| of(value)).sum::<f32>()
}

/// Sum of values times a function of others.
#[inline(always)]
pub(super) fn dot(values: &[f32], others: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (partners, left) = others.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (chunk, partner) in chunks.iter().zip(partners) {
        for ((lane, &value), &other) in lanes.iter_mut().zip(chunk).zip(partner) {
            *lane += value * of(other);
        }
    }
    let rest = rest
        .iter()
        .zip(left)
        .map(|(&value, &other)| value * of(other));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// The greatest of some values.
#[inline(always)]
pub(super) fn greatest(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(value);
        }
    }
    (lanes.iter().chain(rest)).fold(f32::NEG_INFINITY, |most, &value| most.max(value))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// e to the power of x within 3e-7 of it: 2 to a whole power times a polynomial.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const FACTORS: [f32; 6] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    let x = x.clamp(-87.0, 88.0);
    let whole = (x * std::f32::consts::LOG2_E).round_ties_even();
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let power = FACTORS
        .iter()
        .fold(0.0, |sum, factor| (sum + factor) * rest)
        + 1.0;
    power * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

/// Share of a standard normal distribution that lies below x, within 3e-7, and its density there
/// (the error function by Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub(super) fn normal(x: f32) -> [f32; 2] {
    const FACTORS: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ];
    const SLOPE: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
    /// 1 / sqrt(2 pi).
    const HEIGHT: f32 = 0.398_942_3;
    let bell = exp(-0.5 * x * x);
    let near = 1.0 / (1.0 + SLOPE * x.abs());
    let tail = FACTORS.iter().fold(0.0, |sum, factor| sum * near + factor) * near * bell * 0.5;
    let below = if x > 0.0 { 1.0 - tail } else { tail };
    [below, HEIGHT * bell]
}

#[cfg(test)]
mod tests {
    #[test]
    fn powers_of_e() {
        for tenths in -860..870 {
            let x = tenths as f32 / 10.0 + 0.037;
            let expected = f64::from(x).exp();
            let off = (f64::from(super::exp(x)) / expected - 1.0).abs();
            assert!(off < 3e-7, "e^{x}: off by {off:e}");
        }
        assert!(super::sigmoid(-1e9) < 1e-37 && super::sigmoid(1e9) == 1.0);
    }

    /// The share is the density's integral.
    #[test]
    fn the_normal_distribution() {
        const STEP: f64 = 1.0 / 1024.0;
        let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let mut below = 0.0;
        for step in -8192..8192 {
            let x = f64::from(step) * STEP;
            let [share, height] = super::normal(x as f32).map(f64::from);
            assert!(
                (share - below).abs() < 3e-7,
                "below {x}: {share}, not {below}"
            );
            assert!((height - density(x)).abs() < 1e-7, "at {x}: {height}");
            // Simpson's rule.
            let middle = density(x + STEP / 2.0);
            below += STEP / 6.0 * (density(x) + 4.0 * middle + density(x + STEP));
        }
    }
}
