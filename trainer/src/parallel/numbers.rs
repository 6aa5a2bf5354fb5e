//! Numbers as the bytes that replicas exchange: f32, little-endian.

/// The bytes of numbers.
pub fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * numbers.len()];
    for (bytes, number) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
        *bytes = number.to_le_bytes();
    }
    bytes
}

/// The numbers of bytes; what is left of a number that was cut is dropped.
pub fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.as_chunks::<4>().0;
    numbers.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// How the parts of all replicas become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The sum of numbers; all parts have the same length.
    Sum,
    /// One after the other, by rank.
    Join,
}

impl Combine {
    /// Combines parts in their order; none if they are of different lengths but must not be.
    pub fn parts(self, parts: impl IntoIterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_default();
        for part in parts {
            match self {
                Self::Join => whole.extend(part),
                Self::Sum if part.len() != whole.len() => return None,
                Self::Sum => add(&mut whole, &part),
            }
        }
        Some(whole)
    }
}

fn add(sum: &mut [u8], part: &[u8]) {
    let part = part.as_chunks::<4>().0;
    for (sum, &part) in sum.as_chunks_mut::<4>().0.iter_mut().zip(part) {
        *sum = (f32::from_le_bytes(*sum) + f32::from_le_bytes(part)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_or_follow_each_other() {
        let parts = || [[1.0, 2.5], [0.25, -2.0]].map(|part| to_bytes(&part));
        let sum = Combine::Sum.parts(parts()).map(|bytes| from_bytes(&bytes));
        assert_eq!(sum, Some(vec![1.25, 0.5]));
        let joined = Combine::Join.parts(parts()).map(|bytes| from_bytes(&bytes));
        assert_eq!(joined, Some(vec![1.0, 2.5, 0.25, -2.0]));
        let uneven = [to_bytes(&[1.0]), to_bytes(&[])];
        assert_eq!(Combine::Sum.parts(uneven), None);
    }
}
