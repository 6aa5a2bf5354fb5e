//! A model's parameters and their gradients by name.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use dcac_model::dcac::Dcac;
use dcac_model::weights::{self, Precision};
use safetensors::SafeTensors;

use super::{Cpu, Train};

/// Numbers by the name that their parameter is stored under.
pub type ByName = BTreeMap<String, Vec<f32>>;

/// Every parameter.
pub fn values(model: &Dcac<Cpu>) -> ByName {
    let bytes = weights::save(model, Precision::F32, str::to_string).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |bytes: &[u8]| {
        let (chunks, _) = bytes.as_chunks();
        chunks.iter().map(|&c| f32::from_le_bytes(c)).collect()
    };
    (file.iter())
        .map(|(name, view)| (name.to_string(), floats(view.data())))
        .collect()
}

/// The gradients of the parameters that have one.
pub fn gradients(model: &Dcac<Train>, gradients: &GradientsParams) -> ByName {
    /// Puts gradients in the parameters' places, NaN where there is none.
    struct Replace<'a>(&'a GradientsParams);
    impl ModuleMapper<Cpu> for Replace<'_> {
        fn map_float<const D: usize>(
            &mut self,
            param: Param<Tensor<Cpu, D>>,
        ) -> Param<Tensor<Cpu, D>> {
            let gradient = self.0.get::<Cpu, D>(param.id);
            param.map(|value| gradient.unwrap_or_else(|| value.full_like(f32::NAN)))
        }
    }
    let mut found = values(&model.valid().map(&mut Replace(gradients)));
    found.retain(|_, gradient| !gradient.iter().all(|value| value.is_nan()));
    found
}

/// `max|a|`.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, a| largest.max(a.abs()))
}
