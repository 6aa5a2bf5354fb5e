//! The protocol-buffer messages of an ONNX file, as far as this program writes them.
//! Numbers are those of `onnx.proto`. Of `ModelProto` the graph is missing, and of
//! `GraphProto` and `TensorProto` the weights: `file.rs` writes those.

use prost::{Message, Oneof};

/// A file, without its graph.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, repeated, tag = "8")]
    pub opset: Vec<OperatorSetId>,
    #[prost(message, repeated, tag = "14")]
    pub properties: Vec<Property>,
}

impl ModelProto {
    /// Number of the missing field.
    pub const GRAPH: u32 = 7;
}

/// Which version of ONNX's own operators is meant.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetId {
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A fact about the model.
#[derive(Clone, PartialEq, Message)]
pub struct Property {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A computation, without its weights.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfo>,
}

impl GraphProto {
    /// Number of the missing field.
    pub const INITIALIZER: u32 = 5;
}

/// One operation. Inputs and outputs are values by name.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
}

/// A setting of an operation. Numbers are optional fields since readers ask whether one is
/// there, and 0 would not be.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of them it is.
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

impl Attribute {
    /// A real number.
    pub fn float(name: &str, value: f32) -> Self {
        Self {
            name: name.into(),
            f: Some(value),
            kind: 1,
            ..Self::default()
        }
    }

    /// A whole number.
    pub fn int(name: &str, value: i64) -> Self {
        Self {
            name: name.into(),
            i: Some(value),
            kind: 2,
            ..Self::default()
        }
    }

    /// Several whole numbers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self {
            name: name.into(),
            ints: values.to_vec(),
            kind: 7,
            ..Self::default()
        }
    }
}

/// The head of a tensor: everything but its numbers.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
}

impl TensorProto {
    /// Number of the missing field, little-endian numbers row by row.
    pub const RAW_DATA: u32 = 9;
    /// Number formats.
    pub const FLOAT: i32 = 1;
    pub const INT64: i32 = 7;
    pub const FLOAT16: i32 = 10;
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<TypeProto>,
}

/// The type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// Number format and shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub data_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// Its sides.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub sides: Vec<Side>,
}

/// One side.
#[derive(Clone, PartialEq, Message)]
pub struct Side {
    #[prost(oneof = "Length", tags = "1, 2")]
    pub length: Option<Length>,
}

/// Its length.
#[derive(Clone, PartialEq, Oneof)]
pub enum Length {
    /// Always this.
    #[prost(int64, tag = "1")]
    Fixed(i64),
    /// Any, by a name.
    #[prost(string, tag = "2")]
    Any(String),
}

impl ValueInfo {
    /// `[batch, ...]` in f32, for any batch.
    pub fn batch_of(name: &str, sides: &[usize]) -> Self {
        let batch = Length::Any("batch".into());
        let fixed = sides.iter().map(|&side| Length::Fixed(side as i64));
        let sides = [batch].into_iter().chain(fixed);
        let shape = Shape {
            sides: sides
                .map(|length| Side {
                    length: Some(length),
                })
                .collect(),
        };
        Self {
            name: name.into(),
            kind: Some(TypeProto {
                tensor: Some(TensorType {
                    data_type: TensorProto::FLOAT,
                    shape: Some(shape),
                }),
            }),
        }
    }
}
