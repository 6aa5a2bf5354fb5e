//! The training identities' classifier of an export.

use crate::weights::WeightsError;
use crate::weights::file::File;

/// Weights `[identities, embedding]` of an export's `classifier.safetensors`, row-major.
///
/// # Errors
/// Bytes that are no such file, of any other size, and numbers that are not finite.
pub fn classifier(
    bytes: &[u8],
    identities: usize,
    embedding: usize,
) -> Result<Vec<f32>, WeightsError> {
    let mut file = File::open(bytes)?;
    let weights = file.numbers("classifier.weight", &[identities, embedding]);
    file.close()?;
    Ok(weights)
}
