//! Scores and their order.

use std::cmp::Ordering;

use super::RetrievalError;

/// Cosine similarity of one L2-normalised embedding to every row of `gallery`
/// (row-major, rows as wide as the query). The order of the sums is fixed, so the
/// result is the same on every machine.
pub fn cosine_scores(query: &[f32], gallery: &[f32]) -> Vec<f32> {
    if query.is_empty() {
        return Vec::new();
    }
    (gallery.chunks_exact(query.len()))
        .map(|row| dot(query, row))
        .collect()
}

/// Eight running sums, so that a compiler may use vector registers without
/// changing the result.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = (a.remainder().iter().zip(b.remainder()))
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Indices from the highest score to the lowest; equal scores keep their order.
///
/// # Errors
/// A score that is not finite.
pub fn rank(scores: &[f32]) -> Result<Vec<usize>, RetrievalError> {
    if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
        return Err(RetrievalError::NotANumber(index));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // `total_cmp` would order -0 below 0, though the two are equal scores.
    let descending = |&a: &usize, &b: &usize| scores[b].partial_cmp(&scores[a]);
    order.sort_by(|a, b| descending(a, b).unwrap_or(Ordering::Equal));
    Ok(order)
}
