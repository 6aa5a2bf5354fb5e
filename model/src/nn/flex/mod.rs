//! Convolutions and norms on burn's CPU backend with gradients of our own.
//!
//! Flex computes the gradient of a convolution's weights as a convolution whose kernel is as large
//! as an image, and a norm as eight passes over all images. Here the first is a matrix product and
//! the second two passes, each image on one thread. Whatever these functions do not know, such as
//! another backend, a dilation or half precision, they leave to burn.

mod convolution;
mod differentiate;
mod group_norm;
mod product;
#[cfg(test)]
mod tests;

use burn::prelude::*;
use burn::tensor::ops::ConvOptions;

use convolution::Convolution;
use group_norm::GroupNorm;
use pulp::{Arch, NullaryFnOnce};

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

/// A group norm of `x` `[B, C, height, width]` by scale and shift, then ReLU if asked for; none if
/// it is left to burn.
pub(super) fn group_norm<B: Backend>(
    x: &Tensor<B, 4>,
    [scale, shift]: [&Tensor<B, 1>; 2],
    groups: usize,
    epsilon: f64,
    relu: bool,
) -> Option<Tensor<B, 4>> {
    let [_, channels, height, width] = x.dims();
    let operation = GroupNorm {
        groups,
        channels: channels / groups,
        size: [height, width],
        epsilon: epsilon as f32,
        relu,
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

/// Sum of rows of `width` numbers.
fn sum_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for row in rows {
        (sum.iter_mut().zip(row)).for_each(|(sum, value)| *sum += value);
    }
    sum
}
