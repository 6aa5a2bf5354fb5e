//! A module's parameters as the bytes of a safetensors file.

use std::collections::HashMap;

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};

use super::file::File;
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
        let (dtype, bytes) = match precision {
            Precision::F16 => (Dtype::F16, {
                let halves = numbers.into_iter().map(f16::from_f32);
                halves.flat_map(f16::to_le_bytes).collect::<Vec<u8>>()
            }),
            Precision::F32 => {
                let bytes = numbers.into_iter().flat_map(f32::to_le_bytes);
                (Dtype::F32, bytes.collect())
            }
        };
        tensors.push((stored(&tensor.name), dtype, tensor.shape, bytes));
    }
    let views: Vec<_> = (tensors.iter())
        .map(|(name, dtype, shape, bytes)| {
            Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    // transformers asks for this entry; a second one would make the bytes differ from
    // run to run, as the header is written in a hash map's order.
    let about = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(views, Some(about)).map_err(unreadable)
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
        let numbers = file.numbers(&stored(name), shape);
        let count: usize = shape.iter().product();
        (numbers.len() == count).then_some(numbers)
    });
    file.close()?;
    Ok(module)
}

fn unreadable(error: SafeTensorError) -> WeightsError {
    WeightsError::Format(error.to_string())
}
