//! An ONNX file written one tensor at a time.
//!
//! A message comes after its length, so the lengths of all tensors are added up before the
//! first is read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::graph::Initializer;
use super::proto::{GraphProto, ModelProto, TensorProto};

/// Writes a model. A file that exists is overwritten, and half-written if this fails: call
/// it on a draft.
///
/// # Errors
/// Weights that cannot be read, a file that cannot be written, more than the 2 GB that a
/// protocol buffer holds.
pub fn write(
    path: &Path,
    model: &ModelProto,
    graph: &GraphProto,
    tensors: &[Initializer],
) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let nodes = graph.encode_to_vec();
    let heads: Vec<Vec<u8>> = tensors.iter().map(head).collect();
    let length = nodes.len()
        + (heads.iter().zip(tensors))
            .map(|(head, tensor)| head.len() + tensor.bytes)
            .sum::<usize>();
    ensure!(
        i32::try_from(length).is_ok(),
        "the model has {length} bytes, an ONNX file holds less than 2 GB; choose f16"
    );
    let mut start = model.encode_to_vec();
    field(ModelProto::GRAPH, length, &mut start);
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    file.write_all(&start).with_context(failed)?;
    file.write_all(&nodes).with_context(failed)?;
    for (head, tensor) in heads.iter().zip(tensors) {
        let bytes = (tensor.read)()?;
        ensure!(
            bytes.len() == tensor.bytes,
            "`{}` has {} bytes, expected {}",
            tensor.head.name,
            bytes.len(),
            tensor.bytes
        );
        file.write_all(head).with_context(failed)?;
        file.write_all(&bytes).with_context(failed)?;
    }
    let file = (file.into_inner()).map_err(|error| error.into_error());
    (file.and_then(|file| file.sync_all())).with_context(failed)
}

/// All of a graph's field that holds a tensor, up to the tensor's numbers.
fn head(tensor: &Initializer) -> Vec<u8> {
    let mut inner = tensor.head.encode_to_vec();
    field(TensorProto::RAW_DATA, tensor.bytes, &mut inner);
    let mut outer = Vec::with_capacity(inner.len() + 16);
    field(
        GraphProto::INITIALIZER,
        inner.len() + tensor.bytes,
        &mut outer,
    );
    outer.extend(inner);
    outer
}

/// Number and length of a field.
fn field(number: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}
