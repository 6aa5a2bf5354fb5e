//! Embeddings in the formats of `trainer extract`.

use std::collections::HashMap;

use dcac_model::retrieval::Label;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use crate::page::picture::Picture;

/// Values `[n, width]` f32 as a NumPy array, version 1.0 of its format.
pub fn npy(rows: usize, values: &[f32]) -> Vec<u8> {
    let width = values.len() / rows.max(1);
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    // Magic, version and length of the header are 10 bytes; it ends with a line's end at a
    // multiple of 64.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    file.extend(bytes(values));
    file
}

/// What the rows of an array show: path, identity and camera.
pub fn rows_csv(pictures: &[Picture]) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("no table can be made: {error}");
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = table.write_record(["path", "identity", "camera"]);
    header.map_err(|error| failed(&error))?;
    for picture in pictures {
        let (identity, camera) = match picture.label {
            Some(label) => (label.identity.to_string(), label.camera.to_string()),
            None => Default::default(),
        };
        let row = table.write_record([&picture.name, &*identity, &*camera]);
        row.map_err(|error| failed(&error))?;
    }
    table.into_inner().map_err(|error| failed(&error))
}

/// `embeddings` `[n, width]` f32, `identity` and `camera` `[n]` i32 (-1 and 0: none), and in the
/// metadata the names, one a line, under `images`, and the SHA-256 of the model's weights under
/// `model`.
pub fn safetensors(pictures: &[Picture], values: &[f32], model: &str) -> Result<Vec<u8>, String> {
    let rows = pictures.len();
    let column = |of: fn(Option<Label>) -> i32| -> Vec<u8> {
        let column = pictures.iter().map(|picture| of(picture.label));
        column.flat_map(i32::to_le_bytes).collect()
    };
    let embeddings: Vec<u8> = bytes(values).collect();
    let identities = column(|label| label.map_or(-1, |label| label.identity));
    let cameras = column(|label| label.map_or(0, |label| label.camera as i32));
    let table = [rows, values.len() / rows.max(1)];
    let tensors = [
        ("embeddings", Dtype::F32, &table[..], &embeddings),
        ("identity", Dtype::I32, &table[..1], &identities),
        ("camera", Dtype::I32, &table[..1], &cameras),
    ];
    // A line's end would make two names of one.
    let names = (pictures.iter()).map(|picture| picture.name.replace(['\n', '\r'], " "));
    let told = HashMap::from([
        ("images".to_string(), names.collect::<Vec<_>>().join("\n")),
        ("model".to_string(), model.to_string()),
    ]);
    let views: Result<Vec<_>, _> = (tensors.into_iter())
        .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(dtype, shape.to_vec(), data)?)))
        .collect();
    views
        .and_then(|views| serialize(views, Some(told)))
        .map_err(|error| format!("no safetensors file can be made: {error}"))
}

fn bytes(values: &[f32]) -> impl Iterator<Item = u8> {
    values.iter().flat_map(|value| value.to_le_bytes())
}
