//! Number formats, and what is computed in another than the one at hand.

use std::fmt;
use std::str::FromStr;

use burn::prelude::*;
use burn::tensor::DType;
use serde::{Deserialize, Serialize};

/// Number format of matrix products and convolutions while training, and of frozen weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats with the range of f32 and 8 significant bits.
    Bf16,
    /// 16-bit IEEE floats: 11 significant bits, but gradients must be scaled into range.
    F16,
}

impl Compute {
    /// burn's name of it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Compute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::F32, Self::Bf16, Self::F16];
        (all.into_iter().find(|format| format.to_string() == text))
            .ok_or_else(|| format!("`{text}` is no number format; choose f32, bf16 or f16"))
    }
}

/// A tensor in another format, or as it is.
pub(crate) fn cast<B: Backend, const D: usize>(x: Tensor<B, D>, dtype: DType) -> Tensor<B, D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

/// What `compute` makes of a tensor in f32, in the tensor's own format.
pub(super) fn in_f32<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    compute: impl FnOnce(Tensor<B, D>) -> Tensor<B, D>,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    cast(compute(cast(x, DType::F32)), dtype)
}
