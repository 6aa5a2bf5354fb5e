//! Number formats of stored weights, and what can be wrong with a file.

use crate::clip::VitConfigError;

/// Number format of stored weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16-bit IEEE floats: half the size, about three decimal digits.
    F16,
    /// 32-bit floats.
    F32,
}

/// Weights that cannot be read or do not fit a model.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration describes no model.
    #[error(transparent)]
    Config(#[from] VitConfigError),
    /// The bytes are no safetensors file, or one with an unsupported number format.
    #[error("not a readable safetensors file: {0}")]
    Format(String),
    /// Tensors do not fit the model.
    #[error("the weights do not fit the model described by its configuration:{}", list(.missing, .unexpected, .wrong))]
    Mismatch {
        /// Tensors that the model has and the file lacks.
        missing: Vec<String>,
        /// Tensors that the file has and the model lacks.
        unexpected: Vec<String>,
        /// Tensors of another shape or number format, with both.
        wrong: Vec<String>,
    },
    /// Tensors with infinite numbers or such that are none.
    #[error("weights that are not finite: {}; export the model again from a checkpoint that is not broken", .0.join(", "))]
    NotFinite(Vec<String>),
    /// The device has too little memory for the model.
    #[error(
        "not enough memory for the model: {bytes} more bytes were refused; choose a smaller model"
    )]
    Memory {
        /// Size of what could not be allocated.
        bytes: usize,
    },
}

fn list(missing: &[String], unexpected: &[String], wrong: &[String]) -> String {
    [
        ("missing", missing),
        ("left over", unexpected),
        ("wrong", wrong),
    ]
    .iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(what, names)| format!("\n  {what}: {}", names.join(", ")))
    .collect()
}
