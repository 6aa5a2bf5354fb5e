//! The protocol-buffer messages of an event file, as far as this program writes them.
//! Numbers are those of TensorFlow's `event.proto`, `summary.proto`, `tensor.proto` and
//! `tensor_shape.proto`.

use prost::{Message, Oneof};

/// One thing that happened.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Training step.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// What it was.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// What an event says.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum What {
    /// The first event of a file.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Values of curves, or a text.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// The start of a run, or of its continuation.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// The state of the program.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl SessionLog {
    /// From this event's step on, older files no longer count.
    pub fn start() -> Self {
        const START: i32 = 1;
        Self { status: START }
    }
}

/// Values of one step.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// One value of one curve, or one text.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    pub tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

/// Which of TensorBoard's pages shows a value.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub plugin: Option<Plugin>,
}

/// A page of TensorBoard.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Plugin {
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A tensor of strings.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub strings: Vec<Vec<u8>>,
}

/// Its shape.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub sides: Vec<Side>,
}

/// One side of a shape.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Side {
    #[prost(int64, tag = "1")]
    pub size: i64,
}

impl Summary {
    /// One point per curve.
    pub fn scalars(values: &[(&str, f32)]) -> Self {
        let value = values.iter().map(|&(tag, value)| Value {
            tag: tag.to_string(),
            simple_value: Some(value),
            ..Value::default()
        });
        Self {
            value: value.collect(),
        }
    }

    /// A text for TensorBoard's page of texts.
    pub fn text(tag: &str, text: &str) -> Self {
        const STRING: i32 = 7;
        let tensor = Tensor {
            dtype: STRING,
            shape: Some(Shape {
                sides: vec![Side { size: 1 }],
            }),
            strings: vec![text.as_bytes().to_vec()],
        };
        let plugin = Plugin {
            name: "text".to_string(),
        };
        Self {
            value: vec![Value {
                tag: tag.to_string(),
                simple_value: None,
                tensor: Some(tensor),
                metadata: Some(Metadata {
                    plugin: Some(plugin),
                }),
            }],
        }
    }
}
