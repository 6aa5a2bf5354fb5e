//! A layer's weights in the order in which a product reads them.

use std::ops::Range;

use super::kernel::{COLUMNS, ColumnPanel};
use super::memory::filled;
use crate::weights::WeightsError;

/// A matrix `[columns, depth]` in panels of `COLUMNS` columns, each `depth` entries; the last
/// one is filled up with zeros.
pub(super) struct Panels {
    depth: usize,
    columns: usize,
    values: Values,
}

enum Values {
    Single(Vec<ColumnPanel>),
    /// Half-precision numbers as they are in the file: half the memory. Each is widened once
    /// for all rows that it is multiplied with.
    Half(Vec<[u16; COLUMNS]>),
}

/// A tensor's numbers as they are in a file, little-endian.
#[derive(Clone, Copy)]
pub(super) enum Stored<'a> {
    Single(&'a [[u8; 4]]),
    Half(&'a [[u8; 2]]),
    Brain(&'a [[u8; 2]]),
    /// What a file should have and has not; nothing is computed with it.
    Absent,
}

impl Stored<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Half(values) | Self::Brain(values) => values.len(),
            Self::Absent => 0,
        }
    }

    fn at(&self, index: usize) -> f32 {
        match self {
            Self::Single(values) => f32::from_le_bytes(values[index]),
            Self::Half(values) => widen(u16::from_le_bytes(values[index])),
            Self::Brain(values) => {
                f32::from_bits(u32::from(u16::from_le_bytes(values[index])) << 16)
            }
            Self::Absent => 0.0,
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = f32> {
        (0..self.len()).map(|index| self.at(index))
    }

    pub(super) fn is_finite(&self) -> bool {
        match self {
            // All bits of the exponent stand for infinity and what is no number.
            Self::Half(values) => {
                (values.iter()).all(|&value| u16::from_le_bytes(value) & 0x7c00 != 0x7c00)
            }
            _ => self.numbers().all(f32::is_finite),
        }
    }
}

impl Panels {
    /// Packs some columns of a file's `[.., depth]`.
    pub(super) fn pack(
        stored: Stored,
        depth: usize,
        columns: Range<usize>,
    ) -> Result<Self, WeightsError> {
        let values = match stored {
            Stored::Half(numbers) => Values::Half(pack(depth, &columns, |index| {
                u16::from_le_bytes(numbers[index])
            })?),
            Stored::Absent => Values::Single(Vec::new()),
            _ => Values::Single(pack(depth, &columns, |index| stored.at(index))?),
        };
        Ok(Self {
            depth,
            columns: columns.len(),
            values,
        })
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of panels.
    pub(super) fn count(&self) -> usize {
        self.columns.div_ceil(COLUMNS)
    }

    /// Entries `from..to` of a panel; `space` is where they are widened.
    pub(super) fn panel<'a>(
        &'a self,
        index: usize,
        from: usize,
        to: usize,
        space: &'a mut [ColumnPanel],
    ) -> &'a [ColumnPanel] {
        let range = index * self.depth + from..index * self.depth + to;
        match &self.values {
            Values::Single(values) => &values[range],
            Values::Half(values) => {
                let space = &mut space[..to - from];
                for (wide, half) in space.iter_mut().zip(&values[range]) {
                    *wide = half.map(widen);
                }
                space
            }
        }
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        match &self.values {
            Values::Single(values) => size_of_val(&values[..]),
            Values::Half(values) => size_of_val(&values[..]),
        }
    }
}

fn pack<T: Copy + Default>(
    depth: usize,
    columns: &Range<usize>,
    at: impl Fn(usize) -> T,
) -> Result<Vec<[T; COLUMNS]>, WeightsError> {
    let count = columns.len().div_ceil(COLUMNS);
    let mut values = filled([T::default(); COLUMNS], [count, depth])?;
    for column in 0..columns.len() {
        let panel = &mut values[column / COLUMNS * depth..][..depth];
        for (i, entry) in panel.iter_mut().enumerate() {
            entry[column % COLUMNS] = at((columns.start + column) * depth + i);
        }
    }
    Ok(values)
}

/// The number of a half-precision one's bits, exactly, unless it is infinite.
///
/// Sign, exponent and fraction are moved to where single precision has them. The exponent is
/// then too small by the difference of the two biases, 127 - 15, also where it is 0.
#[inline]
pub(super) fn widen(half: u16) -> f32 {
    const BIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let bits = ((half as i16 as i32) << 13) as u32 & 0x8fff_e000;
    f32::from_bits(bits) * BIAS
}

#[cfg(test)]
mod tests {
    use super::widen;

    /// Value = fraction 2^(exponent - 25), or with the leading 1 that is not stored.
    #[test]
    fn every_half_precision_number_is_widened_exactly() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let size = match exponent {
                31 => continue,
                0 => fraction * 2f64.powi(-24),
                _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
            };
            let expected = if bits >> 15 == 1 { -size } else { size };
            assert_eq!(f64::from(widen(bits)), expected, "{bits:#06x}");
            assert_eq!(widen(bits).is_sign_negative(), bits >> 15 == 1);
        }
    }
}
