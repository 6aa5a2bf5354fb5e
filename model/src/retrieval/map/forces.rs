//! What pulls the points of a map together and pushes them apart.

use pulp::{Arch, NullaryFnOnce};

/// Points that are looked at together.
const LANES: usize = 8;

/// The gradient of the Kullback-Leibler divergence from the probabilities of pairs in the map,
/// those of a Student t-distribution of one degree of freedom, to `joint`, `[count, count]`,
/// whose part in it is multiplied by `exaggeration`.
pub fn forces(joint: &[f32], positions: &[[f32; 2]], exaggeration: f32) -> Vec<[f32; 2]> {
    let [xs, ys] = [0, 1].map(|axis| positions.iter().map(|p| p[axis]).collect::<Vec<f32>>());
    let sums = Arch::new().dispatch(AllPairs {
        joint,
        xs: &xs,
        ys: &ys,
    });
    // Every point counts itself once.
    let weight: f64 = sums.iter().map(|sum| f64::from(sum.weight) - 1.0).sum();
    let share = (1.0 / weight.max(f64::MIN_POSITIVE)) as f32;
    (sums.iter())
        .map(|sum| {
            [0, 1].map(|axis| 4.0 * (exaggeration * sum.pull[axis] - share * sum.push[axis]))
        })
        .collect()
}

/// The Kullback-Leibler divergence from the probabilities of pairs in the map to `joint`, in
/// nats.
pub fn divergence(joint: &[f32], positions: &[[f32; 2]]) -> f64 {
    let weight = |a: [f32; 2], b: [f32; 2]| {
        let squares = [0, 1].map(|axis| f64::from(a[axis] - b[axis]).powi(2));
        1.0 / (1.0 + squares[0] + squares[1])
    };
    // The sum over p ln(p / (w / s)) is taken apart, so that one pass finds s as well.
    let (mut all, mut sum) = (0.0, 0.0);
    for (row, &a) in positions.iter().enumerate() {
        let joint = &joint[row * positions.len()..];
        for (other, (&b, &joint)) in positions.iter().zip(joint).enumerate() {
            if other != row {
                let (weight, joint) = (weight(a, b), f64::from(joint));
                all += weight;
                if joint > 0.0 {
                    sum += joint * (joint / weight).ln();
                }
            }
        }
    }
    sum + f64::ln(all)
}

/// What all points do to one.
struct Sum {
    pull: [f32; 2],
    push: [f32; 2],
    /// Of the pairs' weights `1 / (1 + distance^2)`, which shares in their sum make
    /// probabilities.
    weight: f32,
}

/// A type and no closure: a compiler may leave those out of the function that has the wider
/// instructions.
struct AllPairs<'a> {
    joint: &'a [f32],
    xs: &'a [f32],
    ys: &'a [f32],
}

impl NullaryFnOnce for AllPairs<'_> {
    type Output = Vec<Sum>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { joint, xs, ys } = self;
        let ((x_chunks, x_rest), (y_chunks, y_rest)) =
            (xs.as_chunks::<LANES>(), ys.as_chunks::<LANES>());
        let mut sums = Vec::with_capacity(xs.len());
        for (joint, (&x, &y)) in joint.chunks_exact(xs.len()).zip(xs.iter().zip(ys)) {
            let (joint, joint_rest) = joint.as_chunks::<LANES>();
            let mut many = Lanes::<LANES>::default();
            for ((joint, xs), ys) in joint.iter().zip(x_chunks).zip(y_chunks) {
                many.add([x, y], joint, xs, ys);
            }
            let mut one = Lanes::<1>::default();
            for ((&joint, &x_other), &y_other) in joint_rest.iter().zip(x_rest).zip(y_rest) {
                one.add([x, y], &[joint], &[x_other], &[y_other]);
            }
            let (many, one) = (many.sum(), one.sum());
            sums.push(Sum {
                pull: [many.pull[0] + one.pull[0], many.pull[1] + one.pull[1]],
                push: [many.push[0] + one.push[0], many.push[1] + one.push[1]],
                weight: many.weight + one.weight,
            });
        }
        sums
    }
}

/// Running sums side by side, so that a compiler may use vector registers.
struct Lanes<const N: usize> {
    pull: [[f32; N]; 2],
    push: [[f32; N]; 2],
    weight: [f32; N],
}

impl<const N: usize> Default for Lanes<N> {
    fn default() -> Self {
        Self {
            pull: [[0.0; N]; 2],
            push: [[0.0; N]; 2],
            weight: [0.0; N],
        }
    }
}

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn add(&mut self, [x, y]: [f32; 2], joint: &[f32; N], xs: &[f32; N], ys: &[f32; N]) {
        for lane in 0..N {
            let (dx, dy) = (x - xs[lane], y - ys[lane]);
            let weight = 1.0 / (1.0 + dx * dx + dy * dy);
            let (pull, push) = (joint[lane] * weight, weight * weight);
            self.pull[0][lane] += pull * dx;
            self.pull[1][lane] += pull * dy;
            self.push[0][lane] += push * dx;
            self.push[1][lane] += push * dy;
            self.weight[lane] += weight;
        }
    }

    #[inline(always)]
    fn sum(&self) -> Sum {
        let sum = |lanes: &[f32; N]| lanes.iter().sum();
        Sum {
            pull: [sum(&self.pull[0]), sum(&self.pull[1])],
            push: [sum(&self.push[0]), sum(&self.push[1])],
            weight: sum(&self.weight),
        }
    }
}
