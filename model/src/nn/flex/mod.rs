//! Layers on burn's CPU backend with gradients of our own.
//!
//! Flex computes the gradient of a convolution's weights as a convolution whose kernel is as large
//! as an image, copies what it transposes element by element, and a norm is eight passes over all
//! images. Here the first two are matrix products and the third two passes, each image on one
//! thread; an attention is one operation, a head after the other. Whatever these functions do not
//! know, such as another backend or a dilation, they leave to burn.

mod attention;
mod convolution;
mod differentiate;
mod gate;
mod group_norm;
mod layer_norm;
mod linear;
mod parts;
mod product;
#[cfg(test)]
mod tests;
mod transpose;
mod vectors;

use burn::prelude::*;
use burn::tensor::ops::ConvOptions;

use attention::Attention;
use convolution::Convolution;
use gate::{GeGlu, QuickGelu};
use group_norm::GroupNorm;
use layer_norm::LayerNorm;
use linear::Linear;
use transpose::Transpose;

use super::Activation;
use super::layers::Layout;

/// A convolution of `x` `[B, in, height, width]` by `weight` `[out, in, height, width]`; none if it
/// is left to burn.
pub(super) fn conv2d<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    bias: Option<&Tensor<B, 1>>,
    options: &ConvOptions<2>,
) -> Option<Tensor<B, 4>> {
    let [_, inputs, height, width] = x.dims();
    let [outputs, of, kernel @ ..] = weight.dims();
    let operation = Convolution {
        channels: [inputs, outputs],
        input: [height, width],
        kernel,
        stride: options.stride,
        padding: options.padding,
    };
    let known = options.groups == 1 && options.dilation == [1, 1] && of == inputs;
    if !known || options.stride.contains(&0) || operation.output().is_none() {
        return None;
    }
    differentiate::apply(operation, (x.clone(), weight.clone(), bias.cloned()))
}

/// A linear layer over the last axis of `x`; none if it is left to burn.
pub(super) fn linear<B: Backend, const D: usize>(
    x: &Tensor<B, D>,
    weight: &Tensor<B, 2>,
    layout: Layout,
    bias: Option<&Tensor<B, 1>>,
) -> Option<Tensor<B, D>> {
    let [inputs, outputs] = layout.sizes(weight);
    let operation = Linear {
        inputs,
        outputs,
        layout,
    };
    by_rows(x, |x| {
        differentiate::apply(operation, (x, weight.clone(), bias.cloned()))
    })
}

/// A layer norm over the last axis of `x` by scale and shift; none if it is left to burn.
pub(super) fn layer_norm<B: Backend, const D: usize>(
    x: &Tensor<B, D>,
    [scale, shift]: [&Tensor<B, 1>; 2],
) -> Option<Tensor<B, D>> {
    let width = x.dims()[D - 1];
    let operation = LayerNorm { width };
    by_rows(x, |x| {
        differentiate::apply(operation, (x, scale.clone(), Some(shift.clone())))
    })
}

/// `x sigmoid(1.702 x)`; none if it is left to burn.
pub(super) fn quick_gelu<B: Backend, const D: usize>(x: &Tensor<B, D>) -> Option<Tensor<B, D>> {
    let width = x.dims()[D - 1];
    by_rows(x, |x| differentiate::alone(QuickGelu { width }, x))
}

/// The first half of the last axis of `x` times GELU of the second; none if it is left to burn.
pub(super) fn geglu<B: Backend, const D: usize>(x: &Tensor<B, D>) -> Option<Tensor<B, D>> {
    let width = x.dims()[D - 1] / 2;
    by_rows(x, |x| differentiate::alone(GeGlu { width }, x))
}

/// Self-attention of `[B, T, 3 D]`: queries, keys and values of all heads; none if it is left to burn.
pub(super) fn attention<B: Backend>(qkv: &Tensor<B, 3>, heads: usize) -> Option<Tensor<B, 3>> {
    let [batch, tokens, packed] = qkv.dims();
    let width = packed / 3;
    let operation = Attention {
        heads,
        tokens,
        width,
    };
    if !differentiate::is_flex::<B>() {
        return None;
    }
    let x = qkv.clone().reshape([batch, tokens, packed, 1]);
    Some(differentiate::alone(operation, x)?.reshape([batch, tokens, width]))
}

/// Attention of queries, keys and values `[B, T, D]` of one sequence; none if it is left to burn.
pub(super) fn attention_of<B: Backend>(
    [q, k, v]: [&Tensor<B, 3>; 3],
    heads: usize,
) -> Option<Tensor<B, 3>> {
    if !differentiate::is_flex::<B>() || q.dims() != k.dims() {
        return None;
    }
    attention(
        &Tensor::cat(vec![q.clone(), k.clone(), v.clone()], 2),
        heads,
    )
}

/// `x` `[B, rows, columns]` with rows and columns exchanged; none if it is left to burn.
pub(super) fn transpose<B: Backend>(x: &Tensor<B, 3>) -> Option<Tensor<B, 3>> {
    if !differentiate::is_flex::<B>() {
        return None;
    }
    let [batch, rows, columns] = x.dims();
    let operation = Transpose { rows, columns };
    let x = x.clone().reshape([batch, rows, columns, 1]);
    Some(differentiate::alone(operation, x)?.reshape([batch, columns, rows]))
}

/// What an operation on rows `[rows, width, 1, 1]` makes of the last axis of `x`.
fn by_rows<B: Backend, const D: usize>(
    x: &Tensor<B, D>,
    compute: impl FnOnce(Tensor<B, 4>) -> Option<Tensor<B, 4>>,
) -> Option<Tensor<B, D>> {
    if !differentiate::is_flex::<B>() {
        return None;
    }
    let mut shape = x.dims();
    let y = compute(x.clone().reshape([-1, shape[D - 1] as i32, 1, 1]))?;
    shape[D - 1] = y.dims()[1];
    Some(y.reshape(shape))
}

/// A group norm of `x` `[B, C, height, width]` by scale and shift, then an activation; none if it is
/// left to burn.
pub(super) fn group_norm<B: Backend>(
    x: &Tensor<B, 4>,
    [scale, shift]: [&Tensor<B, 1>; 2],
    groups: usize,
    epsilon: f64,
    activation: Activation,
) -> Option<Tensor<B, 4>> {
    let [_, channels, height, width] = x.dims();
    let operation = GroupNorm {
        groups,
        channels: channels / groups,
        size: [height, width],
        epsilon: epsilon as f32,
        activation,
    };
    differentiate::apply(operation, (x.clone(), scale.clone(), Some(shift.clone())))
}
