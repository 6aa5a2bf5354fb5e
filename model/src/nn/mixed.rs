//! Layers that compute in the number format of their input.
//!
//! Matrix products and convolutions take their weights in that format, and give results
//! in it; norms and softmax compute in f32. Weights are cast on the way, so a trained one
//! stays f32 and gets an f32 gradient. With f32 input and weights nothing is cast.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "flex")]
use burn::module::Param;
#[cfg(feature = "training")]
use burn::nn::LayerNorm;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, Linear, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::module::conv2d as convolve;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, activation};
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
fn in_f32<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    compute: impl FnOnce(Tensor<B, D>) -> Tensor<B, D>,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    cast(compute(cast(x, DType::F32)), dtype)
}

/// A linear layer over the last axis.
pub(crate) fn linear<B: Backend, const D: usize>(
    layer: &Linear<B>,
    x: Tensor<B, D>,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    let weight = layer.weight.val();
    if weight.dtype() == dtype && dtype == DType::F32 {
        #[cfg(feature = "flex")]
        if let Some(y) =
            super::flex::linear(&x, &weight, layer.bias.as_ref().map(Param::val).as_ref())
        {
            return y;
        }
        return layer.forward(x);
    }
    let y = x.matmul(cast(weight, dtype).unsqueeze());
    match &layer.bias {
        Some(bias) => y + cast(bias.val(), dtype).unsqueeze(),
        None => y,
    }
}

/// A convolution whose padding is the same on opposite sides.
pub(crate) fn conv2d<B: Backend>(layer: &Conv2d<B>, x: Tensor<B, 4>) -> Tensor<B, 4> {
    let dtype = x.dtype();
    let padding = match layer.padding {
        PaddingConfig2d::Explicit(top, left, ..) => [top, left],
        PaddingConfig2d::Same | PaddingConfig2d::Valid => [0, 0],
    };
    let weight = cast(layer.weight.val(), dtype);
    let bias = layer.bias.as_ref().map(|bias| cast(bias.val(), dtype));
    let options = ConvOptions::new(layer.stride, padding, layer.dilation, layer.groups);
    #[cfg(feature = "flex")]
    if let Some(y) = super::flex::conv2d(&x, &weight, bias.as_ref(), &options) {
        return y;
    }
    convolve(x, weight, bias, options)
}

/// Computes in f32.
#[cfg(feature = "training")]
pub(crate) fn layer_norm<B: Backend, const D: usize>(
    layer: &LayerNorm<B>,
    x: Tensor<B, D>,
) -> Tensor<B, D> {
    in_f32(x, |x| layer.forward(x))
}

/// What follows a norm.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x sigmoid(x)`.
    #[cfg_attr(not(feature = "training"), expect(dead_code))]
    Silu,
}

impl Activation {
    pub(super) fn apply<B: Backend, const D: usize>(self, x: Tensor<B, D>) -> Tensor<B, D> {
        match self {
            Self::None => x,
            Self::Relu => activation::relu(x),
            Self::Silu => activation::silu(x),
        }
    }
}

/// A group norm of `x` `[B, C, ...]` and an activation, in f32.
pub(crate) fn group_norm<B: Backend, const D: usize>(
    layer: &GroupNorm<B>,
    x: Tensor<B, D>,
    activation: Activation,
) -> Tensor<B, D> {
    in_f32(x, |x| normalized(layer, x, activation))
}

/// Like burn's layer, but scale and deviation become one factor for each picture and channel
/// before they meet the positions: fewer passes over the large tensor.
fn normalized<B: Backend, const D: usize>(
    layer: &GroupNorm<B>,
    x: Tensor<B, D>,
    activation: Activation,
) -> Tensor<B, D> {
    let (Some(scale), Some(shift)) = (&layer.gamma, &layer.beta) else {
        return activation.apply(layer.forward(x));
    };
    let (scale, shift) = (scale.val(), shift.val());
    let shape = x.shape();
    let (batch, channels, groups) = (shape[0], layer.num_channels, layer.num_groups);
    #[cfg(feature = "flex")]
    {
        let x = x.clone().reshape([batch as i32, channels as i32, -1, 1]);
        let epsilon = layer.epsilon;
        if let Some(y) = super::flex::group_norm(&x, [&scale, &shift], groups, epsilon, activation)
        {
            return y.reshape(shape);
        }
    }
    let x = x.reshape([batch as i32, groups as i32, -1]);
    let x = x.clone() - x.mean_dim(2);
    let deviation = (x.clone().square().mean_dim(2) + layer.epsilon).sqrt();
    let factor = deviation.recip() * scale.reshape([1, groups, channels / groups]);
    let x = x.reshape([batch as i32, channels as i32, -1]);
    let shift = shift.reshape([1, channels, 1]).repeat_dim(0, batch);
    activation.apply((x * factor.reshape([batch, channels, 1]) + shift).reshape(shape))
}

/// Computes in f32.
pub(crate) fn softmax<B: Backend, const D: usize>(x: Tensor<B, D>, axis: usize) -> Tensor<B, D> {
    in_f32(x, |x| activation::softmax(x, axis))
}
