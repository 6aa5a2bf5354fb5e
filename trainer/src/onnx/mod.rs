//! The encoder as an ONNX file, written without any other program.
//!
//! `images` `[batch, 3, height, width]`, normalised, become `embeddings` `[batch, width]` of
//! length 1: what `ReidEncoder::embed` computes, with the neck's running statistics. Nodes
//! and weights carry timm's names. Weights of linear layers are `[in, out]` here, the order
//! that `MatMul` takes.

mod encoder;
mod file;
mod graph;
mod layers;
mod proto;

use std::path::Path;

use anyhow::Result;
use burn::tensor::backend::Backend;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;

use proto::{ModelProto, OperatorSetId, Property};

/// LayerNormalization is there from this version on; later ones bring nothing of use here.
const OPSET: i64 = 17;
/// The file format that came with it.
const IR_VERSION: i64 = 8;

/// Writes an encoder at `path`, one tensor at a time. In f16, matrix products compute in it,
/// while input, output, residual stream, norms and softmax stay f32.
///
/// # Errors
/// Weights beyond the range of `precision`, a file that cannot be written.
pub fn write<B: Backend>(
    path: &Path,
    encoder: &ReidEncoder<B>,
    config: &EncoderConfig,
    precision: Precision,
) -> Result<()> {
    let (graph, tensors) = encoder::graph(encoder, config, precision)?;
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "trainer".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: "Person re-identification: crops to embeddings of length 1".into(),
        opset: vec![OperatorSetId { version: OPSET }],
        properties: vec![Property {
            key: "preprocess".into(),
            value: serde_json::to_string(&config.preprocess)?,
        }],
    };
    file::write(path, &model, &graph, &tensors)
}
