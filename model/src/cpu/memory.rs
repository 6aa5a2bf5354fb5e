//! Memory that a device may not have.

use crate::weights::WeightsError;

/// As many times `value` as a matrix of these sizes has entries.
///
/// # Errors
/// There is not so much memory. A browser's page ends when an allocation fails, so the large
/// ones ask first.
pub(super) fn filled<T: Copy>(
    value: T,
    [rows, columns]: [usize; 2],
) -> Result<Vec<T>, WeightsError> {
    let count = rows.saturating_mul(columns);
    let mut values = Vec::new();
    (values.try_reserve_exact(count)).map_err(|_| WeightsError::Memory {
        bytes: count.saturating_mul(size_of::<T>()),
    })?;
    values.resize(count, value);
    Ok(values)
}
