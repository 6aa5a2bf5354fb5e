//! Layers on burn's CPU backend with gradients of our own.
//!
//! Flex computes the gradient of a convolution's weights as a convolution whose kernel is as large
//! as an image, copies what it transposes element by element, and a norm is eight passes over all
//! images. Here the first two are matrix products and the third two passes, each image on one
//! thread; an attention is one operation, a head after the other. Whatever these functions do not
//! know, such as another backend, a dilation or half precision, they leave to burn.

mod attention;
mod convolution;
mod differentiate;
mod functions;
mod gate;
mod group_norm;
mod layer_norm;
mod linear;
mod product;
#[cfg(test)]
mod tests;
mod transpose;

use burn::prelude::*;
use burn::tensor::ops::ConvOptions;

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use attention::Attention;
use convolution::Convolution;
use gate::{GeGlu, QuickGelu};
use group_norm::GroupNorm;
use layer_norm::LayerNorm;
use linear::Linear;
use transpose::Transpose;

use super::Activation;
use super::mixed::Layout;

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

/// What a closure computes, with the widest vectors of this processor. The closure must be inlined,
/// and must change what it borrows: for others the compiler puts a function in between that it
/// compiles for every processor.
#[inline(always)]
fn widely<R>(compute: impl FnMut() -> R) -> R {
    struct Wide<F>(F);
    impl<R, F: FnMut() -> R> NullaryFnOnce for Wide<F> {
        type Output = R;

        #[inline(always)]
        fn call(mut self) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Wide(compute))
}

/// Parts of a batch whose weights' gradients are summed one after another. A number of its own,
/// so that sums do not depend on the machine's cores.
const PARTS: usize = 16;
/// Numbers that are added at once.
const LANES: usize = 16;

/// Sum of a function of all values, in an order that vectors can follow.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&value| of(value)).sum::<f32>()
}

/// Sum of values times a function of others.
#[inline(always)]
fn dot(values: &[f32], others: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (partners, left) = others.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (chunk, partner) in chunks.iter().zip(partners) {
        for ((lane, &value), &other) in lanes.iter_mut().zip(chunk).zip(partner) {
            *lane += value * of(other);
        }
    }
    let rest = rest
        .iter()
        .zip(left)
        .map(|(&value, &other)| value * of(other));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// Sum of the `width` numbers that `add` adds to zeros for each part of a batch's images and
/// gradients, of so many numbers each.
fn sum_parts(
    images: &[f32],
    grads: &[f32],
    [taken, given]: [usize; 2],
    width: usize,
    add: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let part = (images.len() / taken).div_ceil(PARTS).max(1);
    let parts = images.par_chunks(part * taken);
    let parts = parts.zip(grads.par_chunks(part * given));
    let sums: Vec<Vec<f32>> = parts
        .map(|(images, grads)| {
            let mut sum = vec![0.0; width];
            add(images, grads, &mut sum);
            sum
        })
        .collect();
    sum_rows(sums.iter().map(Vec::as_slice), width)
}

/// Sum of all rows of `width` numbers, part by part.
fn sum_all(values: &[f32], width: usize) -> Vec<f32> {
    let part = (values.len() / width).div_ceil(PARTS).max(1) * width;
    let parts = values.par_chunks(part);
    let sums: Vec<Vec<f32>> = parts
        .map(|part| sum_rows(part.chunks(width), width))
        .collect();
    sum_rows(sums.iter().map(Vec::as_slice), width)
}

/// Sum of rows of `width` numbers, which may cancel: gradients of biases before a batch norm do.
fn sum_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; width];
    for row in rows {
        (sum.iter_mut().zip(row)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    sum.into_iter().map(|sum| sum as f32).collect()
}
