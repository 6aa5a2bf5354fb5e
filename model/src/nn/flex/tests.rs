//! Outputs and gradients are those of burn's own operations.

use burn::backend::{Autodiff, Flex};
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;

use crate::nn::Activation;

type Cpu = Autodiff<Flex>;

/// Numbers of a tensor.
fn numbers<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().into_vec().expect("f32")
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1e-3, |size: f32, x| size.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / size;
        assert!(
            off < 2e-5,
            "{what}, number {i}: {found}, burn gives {expected}"
        );
    }
}

/// An output and the gradients of what it was made from, for one and the same random gradient of
/// the output.
fn passes<const W: usize>(
    x: &Tensor<Cpu, 4>,
    weight: &Tensor<Cpu, W>,
    bias: &Tensor<Cpu, 1>,
    compute: impl Fn(Tensor<Cpu, 4>, Tensor<Cpu, W>, Tensor<Cpu, 1>) -> Tensor<Cpu, 4>,
) -> [Vec<f32>; 4] {
    let (x, weight) = (x.clone().require_grad(), weight.clone().require_grad());
    let bias = bias.clone().require_grad();
    let y = compute(x.clone(), weight.clone(), bias.clone());
    let weights = Tensor::<Cpu, 1, Int>::arange(0..y.shape().num_elements() as i64, &y.device());
    let weights = (weights.float() * 0.7).sin().reshape(y.shape());
    let grads = (y.clone() * weights).sum().backward();
    let of_bias = bias.grad(&grads).map(numbers).unwrap_or_default();
    [
        numbers(y),
        numbers(x.grad(&grads).expect("a gradient")),
        numbers(weight.grad(&grads).expect("a gradient")),
        of_bias,
    ]
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<Cpu, D> {
    Tensor::random(shape, Distribution::Normal(0.3, 1.0), &Default::default())
}

#[test]
fn convolutions_are_those_of_burn() {
    // Images, channels in and out, height and width, side of the kernel, stride, padding.
    let cases = [
        (5, [3, 16], [12, 8], 3, 2, 1),
        (18, [8, 8], [6, 4], 3, 1, 1),
        (3, [4, 6], [7, 9], 3, 2, 1),
        (2, [5, 7], [6, 5], 1, 1, 0),
        (2, [3, 4], [8, 8], 4, 4, 0),
        (1, [2, 3], [9, 7], 5, 3, 2),
        (2, [2, 3], [3, 1], 3, 1, 1),
        // More than one tile of the output.
        (2, [64, 4], [40, 16], 3, 1, 1),
        (2, [512, 4], [40, 16], 1, 1, 0),
    ];
    for (images, channels @ [inputs, outputs], [height, width], side, stride, padding) in cases {
        let what = format!("{channels:?} of {height} x {width}, {side} x {side} by {stride}");
        let x = random([images, inputs, height, width]);
        let weight = random([outputs, inputs, side, side]);
        let bias = random([outputs]);
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        for biased in [true, false] {
            let ours = passes(&x, &weight, &bias, |x, weight, bias| {
                let bias = biased.then_some(bias);
                super::conv2d(&x, &weight, bias.as_ref(), &options).expect("ours")
            });
            let theirs = passes(&x, &weight, &bias, |x, weight, bias| {
                burn_conv2d(x, weight, biased.then_some(bias), options.clone())
            });
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert_near(ours, theirs, &format!("{what}, part {i}"));
            }
        }
    }
}

#[test]
fn group_norms_are_those_of_burn() {
    let cases = [
        (3, 6, 2, [5, 7], Activation::None),
        (3, 8, 8, [4, 4], Activation::Relu),
        (2, 4, 1, [9, 3], Activation::Silu),
        (4, 32, 8, [16, 8], Activation::Relu),
        (2, 6, 3, [33, 1], Activation::Silu),
    ];
    for (images, channels, groups, [height, width], activation) in cases {
        let x = random([images, channels, height, width]);
        let (scale, shift) = (random([channels]), random([channels]));
        let ours = passes(&x, &scale, &shift, |x, scale, shift| {
            super::group_norm(&x, [&scale, &shift], groups, 1e-5, activation).expect("ours")
        });
        let theirs = passes(&x, &scale, &shift, |x, scale, shift| {
            let layer: GroupNorm<Cpu> = GroupNormConfig::new(groups, channels)
                .with_affine(false)
                .init(&Default::default());
            let y = layer.forward(x) * scale.reshape([1, channels, 1, 1]);
            let y = y + shift.reshape([1, channels, 1, 1]);
            activation.apply(y)
        });
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_near(ours, theirs, &format!("{channels} in {groups}, part {i}"));
        }
    }
}

#[test]
fn linear_layers_are_those_of_burn() {
    for (rows, inputs, outputs) in [(1, 3, 5), (300, 16, 24), (33, 1, 4), (40, 64, 1)] {
        let (x, weight) = (random([2, rows, 1, inputs]), random([inputs, outputs]));
        let bias = random([outputs]);
        for biased in [true, false] {
            let ours = passes(&x, &weight, &bias, |x, weight, bias| {
                super::linear(&x, &weight, biased.then_some(&bias)).expect("ours")
            });
            let theirs = passes(&x, &weight, &bias, |x, weight, bias| {
                let y = x.matmul(weight.unsqueeze());
                if biased { y + bias.unsqueeze() } else { y }
            });
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert_near(
                    ours,
                    theirs,
                    &format!("{rows} x {inputs} x {outputs}, part {i}"),
                );
            }
        }
    }
}

#[test]
fn frozen_weights_get_no_gradient_and_pass_one_on() {
    let x = random([2, 3, 6, 5]).require_grad();
    let weight = random([4, 3, 3, 3]);
    let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
    let y = super::conv2d(&x, &weight, None, &options).expect("ours");
    let grads = y.sum().backward();
    assert!(weight.grad(&grads).is_none());
    let found = numbers(x.grad(&grads).expect("a gradient"));
    let plain = x.detach().require_grad();
    let grads = burn_conv2d(plain.clone(), weight, None, options)
        .sum()
        .backward();
    assert_near(
        &found,
        &numbers(plain.grad(&grads).expect("a gradient")),
        "x",
    );
}

#[test]
fn views_and_inference_are_computed() {
    let x = random([2, 3, 8, 6]);
    let weight = random([4, 3, 3, 3]);
    let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
    let view = x.swap_dims(2, 3).slice([0..2, 0..3, 1..5, 2..8]).inner();
    let weight = weight.inner();
    let ours = super::conv2d(&view, &weight, None, &options).expect("ours");
    let theirs = burn_conv2d(view, weight, None, options);
    assert_near(&numbers(ours), &numbers(theirs), "a view");
}

#[test]
fn others_are_left_to_burn() {
    let (x, weight) = (random([1, 4, 6, 6]), random([4, 2, 3, 3]));
    let grouped = ConvOptions::new([1; 2], [1; 2], [1; 2], 2);
    assert!(super::conv2d(&x, &weight, None, &grouped).is_none());
    let weight = random([4, 4, 3, 3]);
    let dilated = ConvOptions::new([1; 2], [1; 2], [2; 2], 1);
    assert!(super::conv2d(&x, &weight, None, &dilated).is_none());
    let half = weight.clone().cast(burn::tensor::DType::F16);
    let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
    assert!(super::conv2d(&x, &half, None, &options).is_none());
    assert!(super::conv2d(&x, &weight, None, &options).is_some());
}
