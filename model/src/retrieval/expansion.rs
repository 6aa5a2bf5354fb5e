//! Average query expansion (Chum et al., "Total recall", ICCV 2007).

/// The mean of an L2-normalised query and some rows of the gallery, L2-normalised. A mean of
/// zero leaves the query as it is.
pub fn expand_query(query: &[f32], gallery: &[f32], rows: &[u32]) -> Vec<f32> {
    let dim = query.len();
    let mut sum = query.to_vec();
    for &row in rows {
        let start = row as usize * dim;
        for (sum, value) in sum.iter_mut().zip(&gallery[start..start + dim]) {
            *sum += value;
        }
    }
    let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm == 0.0 {
        return query.to_vec();
    }
    for value in &mut sum {
        *value /= norm;
    }
    sum
}
