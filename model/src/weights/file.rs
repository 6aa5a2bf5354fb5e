//! A safetensors file, tensor by tensor.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::WeightsError;

/// What of a file has not been taken yet, and what was wrong with what has.
pub(crate) struct File<'a> {
    left: BTreeMap<String, TensorView<'a>>,
    missing: Vec<String>,
    wrong: Vec<String>,
    not_finite: Vec<String>,
}

impl<'a> File<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| WeightsError::Format(error.to_string()))?;
        Ok(Self {
            left: file.tensors().into_iter().collect(),
            missing: Vec::new(),
            wrong: Vec::new(),
            not_finite: Vec::new(),
        })
    }

    /// A tensor's numbers. What is wrong with it is told by [`Self::close`], with everything
    /// else that is wrong.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Stored<'a> {
        let Some(tensor) = self.left.remove(name) else {
            self.missing.push(name.to_string());
            return Stored::Absent;
        };
        let data = tensor.data();
        let stored = match tensor.dtype() {
            Dtype::F32 => Stored::Single(data.as_chunks().0),
            Dtype::F16 => Stored::Half(data.as_chunks().0),
            Dtype::BF16 => Stored::Brain(data.as_chunks().0),
            _ => Stored::Absent,
        };
        if tensor.shape() != shape || matches!(stored, Stored::Absent) {
            let (dtype, found) = (tensor.dtype(), tensor.shape());
            self.wrong.push(format!(
                "{name} (expected F32, F16 or BF16 {shape:?}, found {dtype} {found:?})"
            ));
            return Stored::Absent;
        }
        if !stored.is_finite() {
            self.not_finite.push(name.to_string());
        }
        stored
    }

    pub(crate) fn numbers(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.take(name, shape).numbers().collect()
    }

    /// That everything was there, nothing is left over and all numbers are finite.
    pub(crate) fn close(self) -> Result<(), WeightsError> {
        if !(self.left.is_empty() && self.missing.is_empty() && self.wrong.is_empty()) {
            return Err(WeightsError::Mismatch {
                missing: self.missing,
                unexpected: self.left.into_keys().collect(),
                wrong: self.wrong,
            });
        }
        if !self.not_finite.is_empty() {
            return Err(WeightsError::NotFinite(self.not_finite));
        }
        Ok(())
    }
}

/// A tensor's numbers as they are in a file, little-endian.
#[derive(Clone, Copy)]
pub(crate) enum Stored<'a> {
    Single(&'a [[u8; 4]]),
    Half(&'a [[u8; 2]]),
    Brain(&'a [[u8; 2]]),
    /// What a file should have and has not; nothing is computed with it.
    Absent,
}

impl Stored<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Half(values) | Self::Brain(values) => values.len(),
            Self::Absent => 0,
        }
    }

    pub(crate) fn at(&self, index: usize) -> f32 {
        match self {
            Self::Single(values) => f32::from_le_bytes(values[index]),
            Self::Half(values) => widen(u16::from_le_bytes(values[index])),
            Self::Brain(values) => {
                f32::from_bits(u32::from(u16::from_le_bytes(values[index])) << 16)
            }
            Self::Absent => 0.0,
        }
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = f32> {
        (0..self.len()).map(|index| self.at(index))
    }

    pub(crate) fn is_finite(&self) -> bool {
        match self {
            // All bits of the exponent stand for infinity and what is no number.
            Self::Half(values) => {
                (values.iter()).all(|&value| u16::from_le_bytes(value) & 0x7c00 != 0x7c00)
            }
            _ => self.numbers().all(f32::is_finite),
        }
    }
}

/// The number of a half-precision one's bits, exactly, unless it is infinite.
///
/// Sign, exponent and fraction are moved to where single precision has them. The exponent is
/// then too small by the difference of the two biases, 127 - 15, also where it is 0.
#[inline]
pub(crate) fn widen(half: u16) -> f32 {
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
