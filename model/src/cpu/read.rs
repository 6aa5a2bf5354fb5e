//! Layers of a safetensors file.

use super::maths::Norm;
use super::product::Linear;
use crate::weights::WeightsError;
use crate::weights::file::File;

impl File<'_> {
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
}
