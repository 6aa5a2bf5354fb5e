//! Layers that compute in the number format of their input.
//!
//! Matrix products and convolutions take their weights in that format, and give results
//! in it; norms and softmax compute in f32. Weights are cast on the way, so a trained one
//! stays f32 and gets an f32 gradient. With f32 input and weights nothing is cast.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, LayerNorm, Linear, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::activation;
use burn::tensor::module::conv2d as convolve;
use burn::tensor::ops::ConvOptions;

use super::format::{cast, in_f32};

/// How a linear layer holds its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// `[in, out]`.
    InOut,
    /// `[out, in]`.
    #[cfg_attr(not(feature = "training"), expect(dead_code))]
    OutIn,
}

impl Layout {
    /// Inputs and outputs.
    pub(super) fn sizes<B: Backend>(self, weight: &Tensor<B, 2>) -> [usize; 2] {
        let [rows, columns] = weight.dims();
        match self {
            Self::InOut => [rows, columns],
            Self::OutIn => [columns, rows],
        }
    }
}

/// A linear layer over the last axis.
pub(crate) fn linear<B: Backend, const D: usize>(
    layer: &Linear<B>,
    x: Tensor<B, D>,
) -> Tensor<B, D> {
    let bias = layer.bias.as_ref().map(Param::val);
    affine(x, layer.weight.val(), Layout::InOut, bias)
}

/// `x W + b` over the last axis of x.
pub(crate) fn affine<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    layout: Layout,
    bias: Option<Tensor<B, 1>>,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    let weight = cast(weight, dtype);
    let bias = bias.map(|bias| cast(bias, dtype));
    #[cfg(feature = "flex")]
    if let Some(y) = super::flex::linear(&x, &weight, layout, bias.as_ref()) {
        return y;
    }
    affine_of_rows(x, weight, layout, bias)
}

/// One product of matrices, whatever the axes before the last: a product for each image would
/// compute 129 tokens in two tiles of 128, and a weight's gradient for each image before their sum.
pub(super) fn affine_of_rows<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    layout: Layout,
    bias: Option<Tensor<B, 1>>,
) -> Tensor<B, D> {
    let mut shape = x.dims();
    let [inputs, outputs] = layout.sizes(&weight);
    let weight = match layout {
        Layout::InOut => weight,
        Layout::OutIn => weight.transpose(),
    };
    let y = x.reshape([-1, inputs as i32]).matmul(weight);
    let y = match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    };
    shape[D - 1] = outputs;
    y.reshape(shape)
}

/// Rows and columns of every image exchanged.
pub(crate) fn transpose<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::flex::transpose(&x) {
        return y;
    }
    x.swap_dims(1, 2)
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

/// A layer norm over the last axis, in f32.
pub(crate) fn layer_norm<B: Backend, const D: usize>(
    layer: &LayerNorm<B>,
    x: Tensor<B, D>,
) -> Tensor<B, D> {
    in_f32(x, |x| {
        #[cfg(feature = "flex")]
        if let Some(shift) = &layer.beta {
            let factors = [&layer.gamma.val(), &shift.val()];
            if let Some(y) = super::flex::layer_norm(&x, factors) {
                return y;
            }
        }
        layer.forward(x)
    })
}

/// `x sigmoid(1.702 x)`, the activation that CLIP was trained with.
pub(crate) fn quick_gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::flex::quick_gelu(&x) {
        return y;
    }
    x.clone() * activation::sigmoid(x * 1.702)
}

/// The first half of the last axis times GELU of the second.
#[cfg(feature = "training")]
pub(crate) fn geglu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::flex::geglu(&x) {
        return y;
    }
    let width = x.dims()[D - 1] / 2;
    let half = |from| x.clone().narrow(D - 1, from, width);
    half(0) * activation::gelu(half(width))
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
