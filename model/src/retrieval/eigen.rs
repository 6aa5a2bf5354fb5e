//! The largest eigenvalues of a symmetric matrix: subspace iteration with the Rayleigh-Ritz
//! method (Golub and Van Loan, "Matrix Computations").

/// Vectors that are iterated together. Two are wanted; the others make them converge as fast
/// as the eigenvalue after the last one is small.
const BLOCK: usize = 8;
const STEPS: usize = 500;
/// How much of an eigenvector may be left over, as a share of the largest eigenvalue.
const RESIDUE: f64 = 1e-10;
/// Vectors that have shrunk by this much are rounding.
const GONE: f64 = 1e-14;

/// The two largest eigenvalues and their vectors, of length 1, of a positive semidefinite
/// matrix `[size, size]`. Where there is none, the value and all numbers are zero.
pub fn leading(matrix: &[f64], size: usize) -> [(f64, Vec<f64>); 2] {
    let width = BLOCK.min(size);
    let mut vectors: Vec<Vec<f64>> = (0..width).map(|index| start(index, size)).collect();
    orthonormalise(&mut vectors);
    let mut step = 0;
    loop {
        let images = multiply(matrix, &vectors);
        let mut small = vec![0.0; width * width];
        for (a, vector) in vectors.iter().enumerate() {
            for (b, image) in images.iter().enumerate() {
                small[a * width + b] = dot(vector, image);
            }
        }
        let (values, rotation) = jacobi(small, width);
        let rotate = |vectors: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let column = |k: usize| mixed(vectors, rotation.iter().skip(k).step_by(width));
            (0..width).map(column).collect()
        };
        let (ritz, images) = (rotate(&vectors), rotate(&images));
        let residue = |k: usize| {
            let left = images[k].iter().zip(&ritz[k]);
            left.map(|(image, vector)| (image - values[k] * vector).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let largest = values.first().copied().unwrap_or(0.0);
        step += 1;
        if step == STEPS || (0..width.min(2)).all(|k| residue(k) <= RESIDUE * largest) {
            let pair = |k: usize| match ritz.get(k) {
                Some(vector) => (values[k].max(0.0), vector.clone()),
                None => (0.0, vec![0.0; size]),
            };
            return [pair(0), pair(1)];
        }
        vectors = images;
        orthonormalise(&mut vectors);
    }
}

/// Numbers without a pattern, the same every time: SplitMix64.
fn start(index: usize, size: usize) -> Vec<f64> {
    let number = |place: usize| {
        let mut z = ((index * size + place) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..size).map(number).collect()
}

fn multiply(matrix: &[f64], vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let Some(size) = vectors.first().map(Vec::len) else {
        return Vec::new();
    };
    let mut images = vec![Vec::with_capacity(size); vectors.len()];
    for row in matrix.chunks_exact(size) {
        for (image, vector) in images.iter_mut().zip(vectors) {
            image.push(dot(row, vector));
        }
    }
    images
}

/// Gram-Schmidt, twice, since one pass leaves what rounding has left.
fn orthonormalise(vectors: &mut [Vec<f64>]) {
    let largest = vectors.iter().map(|v| dot(v, v).sqrt()).fold(0.0, f64::max);
    for place in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(place);
        let vector = &mut rest[0];
        for other in before.iter().chain(before.iter()) {
            let along = dot(other, vector);
            for (value, other) in vector.iter_mut().zip(other) {
                *value -= along * other;
            }
        }
        let norm = dot(vector, vector).sqrt();
        let scale = if norm <= GONE * largest {
            0.0
        } else {
            1.0 / norm
        };
        for value in vector.iter_mut() {
            *value *= scale;
        }
    }
}

fn mixed<'a>(vectors: &[Vec<f64>], weights: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for (vector, weight) in vectors.iter().zip(weights) {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += weight * value;
        }
    }
    sum
}

/// Eigenvalues of a small symmetric matrix, the largest first, and their vectors as columns,
/// by Jacobi's rotations.
fn jacobi(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    /// Each sweep squares what is left off the diagonal; this many are more than it ever needs.
    const SWEEPS: usize = 30;
    let at = |row: usize, column: usize| row * size + column;
    let mut vectors = vec![0.0; size * size];
    for k in 0..size {
        vectors[at(k, k)] = 1.0;
    }
    for _ in 0..SWEEPS {
        for p in 0..size {
            for q in p + 1..size {
                let off = matrix[at(p, q)];
                if off == 0.0 {
                    continue;
                }
                let theta = (matrix[at(q, q)] - matrix[at(p, p)]) / (2.0 * off);
                // The tangent of the smaller angle that makes the entry vanish.
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                let turn = |numbers: &mut [f64], a: usize, b: usize| {
                    let (x, y) = (numbers[a], numbers[b]);
                    numbers[a] = cosine * x - sine * y;
                    numbers[b] = sine * x + cosine * y;
                };
                for k in 0..size {
                    turn(&mut matrix, at(k, p), at(k, q));
                    turn(&mut vectors, at(k, p), at(k, q));
                }
                for k in 0..size {
                    turn(&mut matrix, at(p, k), at(q, k));
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| matrix[at(b, b)].total_cmp(&matrix[at(a, a)]));
    let values = order.iter().map(|&k| matrix[at(k, k)]).collect();
    let columns = (0..size).flat_map(|row| order.iter().map(move |&k| (row, k)));
    (
        values,
        columns.map(|(row, k)| vectors[at(row, k)]).collect(),
    )
}

/// Eight running sums, so that a compiler may use vector registers without changing the
/// result.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
