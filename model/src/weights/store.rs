//! A module's parameters as the bytes of a safetensors file.

use std::collections::HashMap;

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};

use super::file::{File, Stored};
use super::tensors::{fill, values};
use super::{Precision, WeightsError};

/// The bytes of a safetensors file that holds every parameter of `module`; `stored` gives the
/// file's name of one.
pub fn save<B: Backend, M: Module<B>>(
    module: &M,
    precision: Precision,
    stored: impl Fn(&str) -> String,
) -> Result<Vec<u8>, WeightsError> {
    let mut tensors = Vec::new();
    for tensor in values(module) {
        let numbers = (tensor.read)().map_err(WeightsError::Format)?;
        let bytes = little_endian(&numbers, precision);
        tensors.push((stored(&tensor.name), tensor.shape, bytes));
    }
    let dtype = match precision {
        Precision::F16 => Dtype::F16,
        Precision::F32 => Dtype::F32,
    };
    let views: Vec<_> = (tensors.iter())
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(dtype, shape.clone(), bytes)?)))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    // transformers asks for this entry; a second one would make the bytes differ from
    // run to run, as the header is written in a hash map's order.
    let about = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(views, Some(about)).map_err(unreadable)
}

/// Numbers as they are stored.
pub fn little_endian(numbers: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F16 => (numbers.iter())
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect(),
        Precision::F32 => (numbers.iter())
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    }
}

/// `module` with every parameter read from the bytes of a safetensors file, in which `stored`
/// gives its name; 16-bit floats become 32-bit ones.
///
/// # Errors
/// Bytes that are no such file, and tensors that are missing, left over, of another shape or not
/// finite, by the file's names.
pub fn load<B: Backend, M: Module<B>>(
    module: M,
    bytes: &[u8],
    stored: impl Fn(&str) -> String,
) -> Result<M, WeightsError> {
    let mut file = File::open(bytes)?;
    let module = fill(module, |name, shape| {
        match file.take(&stored(name), shape) {
            Stored::Absent => None,
            found => Some(found.numbers().collect()),
        }
    });
    file.close()?;
    Ok(module)
}

fn unreadable(error: SafeTensorError) -> WeightsError {
    WeightsError::Format(error.to_string())
}
