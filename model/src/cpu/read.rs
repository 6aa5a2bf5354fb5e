//! A safetensors file, tensor by tensor.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::maths::Norm;
use super::product::Linear;
use super::weights::Stored;
use crate::weights::WeightsError;

/// What of a file has not been taken yet, and what was wrong with what has.
pub(super) struct File<'a> {
    left: BTreeMap<String, TensorView<'a>>,
    missing: Vec<String>,
    wrong: Vec<String>,
    not_finite: Vec<String>,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
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
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Stored<'a> {
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

    pub(super) fn numbers(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.take(name, shape).numbers().collect()
    }

    pub(super) fn norm(&mut self, name: &str, width: usize) -> Norm {
        Norm {
            weight: self.numbers(&format!("{name}.weight"), &[width]),
            bias: self.numbers(&format!("{name}.bias"), &[width]),
        }
    }

    /// A layer of a file's `name.weight`, `[outputs, inputs]`, and `name.bias`.
    pub(super) fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, WeightsError> {
        let weights = self.take(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.numbers(&format!("{name}.bias"), &[outputs]);
        Linear::pack(weights, &bias, inputs, 0..outputs)
    }

    /// That everything was there, nothing is left over and all numbers are finite.
    pub(super) fn close(self) -> Result<(), WeightsError> {
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
