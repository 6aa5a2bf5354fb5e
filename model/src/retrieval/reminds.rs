//! Which training identities a picture reminds a model of.

use super::error::check_rows;
use super::rank::dot;
use super::{RetrievalError, nearest};

/// The `count` training identities that a classifier takes a picture for most, as labels and
/// probabilities, the highest first; of equal ones the lower label comes first. `neck` is the
/// neck's output before it is scaled to length 1, `classifier` the weights
/// `[identities, embedding]` of an export, row-major.
///
/// # Errors
/// Weights that are not of this width, and numbers that are not finite.
pub fn reminds(
    neck: &[f32],
    classifier: &[f32],
    count: usize,
) -> Result<Vec<(usize, f32)>, RetrievalError> {
    check_rows(classifier, neck.len())?;
    let logits: Vec<f32> = (classifier.chunks_exact(neck.len()))
        .map(|row| dot(neck, row))
        .collect();
    if let Some(label) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(RetrievalError::NotANumber(label));
    }
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from(logit - highest).exp();
    let sum: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    Ok((nearest(&logits, count).into_iter())
        .map(|label| label as usize)
        .map(|label| (label, (weight(logits[label]) / sum) as f32))
        .collect())
}
