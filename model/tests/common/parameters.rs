//! A model's parameters and their gradients by name.

use std::collections::BTreeMap;

use burn::optim::GradientsParams;
use dcac_model::dcac::Dcac;
use dcac_model::weights::{self, Values};

use super::{Cpu, Train};

/// Numbers by the name that their parameter is stored under.
pub type ByName = BTreeMap<String, Vec<f32>>;

/// Every parameter.
pub fn values(model: &Dcac<Cpu>) -> ByName {
    by_name(weights::values(model))
}

/// The gradients of the parameters that have one.
pub fn gradients(model: &Dcac<Train>, gradients: &GradientsParams) -> ByName {
    by_name(weights::gradients(model, gradients))
}

fn by_name(values: Vec<Values>) -> ByName {
    (values.into_iter())
        .map(|values| (values.name, (values.read)().unwrap()))
        .collect()
}

/// `max|a|`.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, a| largest.max(a.abs()))
}
