//! Outputs and gradients are those of burn's own operations.

use burn::backend::{Autodiff, Flex};
use burn::module::{Param, ParamId};
use burn::nn::{GroupNorm, GroupNormConfig, LayerNormConfig};
use burn::prelude::*;
use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Distribution, activation};

use crate::nn::Activation;
use crate::nn::attention::by_heads;
use crate::nn::layers::{Layout, affine_of_rows};

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
    [
        numbers(y),
        numbers(x.grad(&grads).expect("a gradient")),
        // Empty where it has no part.
        weight.grad(&grads).map(numbers).unwrap_or_default(),
        bias.grad(&grads).map(numbers).unwrap_or_default(),
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
        let (x, bias) = (random([2, rows, 1, inputs]), random([outputs]));
        for (layout, biased) in [
            (Layout::InOut, true),
            (Layout::InOut, false),
            (Layout::OutIn, true),
        ] {
            let weight = random(match layout {
                Layout::InOut => [inputs, outputs],
                Layout::OutIn => [outputs, inputs],
            });
            let ours = passes(&x, &weight, &bias, |x, weight, bias| {
                super::linear(&x, &weight, layout, biased.then_some(&bias)).expect("ours")
            });
            let theirs = passes(&x, &weight, &bias, |x, weight, bias| {
                let weight = match layout {
                    Layout::InOut => weight,
                    Layout::OutIn => weight.transpose(),
                };
                let y = x.matmul(weight.unsqueeze());
                if biased { y + bias.unsqueeze() } else { y }
            });
            let elsewhere = passes(&x, &weight, &bias, |x, weight, bias| {
                affine_of_rows(x, weight, layout, biased.then_some(bias))
            });
            for found in [ours, elsewhere] {
                for (i, (found, theirs)) in found.iter().zip(&theirs).enumerate() {
                    let what = format!("{rows} x {inputs} x {outputs} {layout:?}, part {i}");
                    assert_near(found, theirs, &what);
                }
            }
        }
    }
}

#[test]
fn layer_norms_are_those_of_burn() {
    for (rows, width) in [(1, 5), (7, 64), (200, 96), (33, 18)] {
        let x = random([2, rows, 1, width]);
        let (scale, shift) = (random([width]), random([width]));
        let ours = passes(&x, &scale, &shift, |x, scale, shift| {
            super::layer_norm(&x, [&scale, &shift]).expect("ours")
        });
        let theirs = passes(&x, &scale, &shift, |x, scale, shift| {
            let mut layer = LayerNormConfig::new(width).init::<Cpu>(&Default::default());
            // As they are: a parameter of its own would have gradients of its own.
            layer.gamma = Param::initialized(ParamId::new(), scale);
            layer.beta = Some(Param::initialized(ParamId::new(), shift));
            layer.forward(x)
        });
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_near(ours, theirs, &format!("{rows} x {width}, part {i}"));
        }
    }
}

/// Outputs and gradients of what takes images alone.
fn assert_same(
    x: &Tensor<Cpu, 4>,
    ours: impl Fn(Tensor<Cpu, 4>) -> Tensor<Cpu, 4>,
    theirs: impl Fn(Tensor<Cpu, 4>) -> Tensor<Cpu, 4>,
) {
    let nothing = random([1]);
    let ours = passes(x, &nothing, &nothing, |x, _, _| ours(x));
    let theirs = passes(x, &nothing, &nothing, |x, _, _| theirs(x));
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_near(ours, theirs, &format!("{:?}, part {i}", x.dims()));
    }
}

#[test]
fn gates_are_those_of_burn() {
    // The last is more than one thread's part.
    for (rows, width) in [(3, 10), (1, 66), (200, 192)] {
        let x = random([2, rows, 1, width]) * 3.0;
        assert_same(
            &x,
            |x| super::quick_gelu(&x).expect("ours"),
            |x| x.clone() * activation::sigmoid(x * 1.702),
        );
        assert_same(
            &x,
            |x| super::geglu(&x).expect("ours"),
            |x| {
                let [values, gates] =
                    [0, 1].map(|half| x.clone().narrow(3, half * width / 2, width / 2));
                values * activation::gelu(gates)
            },
        );
    }
}

#[test]
fn rows_become_columns() {
    for [rows, columns] in [[5, 3], [16, 33], [1, 40], [70, 64]] {
        let x = random([3, 1, rows, columns]);
        let ours = |x: Tensor<Cpu, 4>| {
            let y = super::transpose(&x.squeeze_dim(1)).expect("ours");
            y.unsqueeze_dim(1)
        };
        assert_same(&x, ours, |x| x.swap_dims(2, 3));
    }
}

#[test]
fn attention_is_that_of_burn() {
    for (images, tokens, heads, head) in
        [(3, 5, 2, 4), (1, 1, 1, 3), (2, 129, 3, 16), (4, 64, 4, 8)]
    {
        let width = heads * head;
        // Scores that are far apart, too.
        let x = random([images, 1, tokens, 3 * width]) * 2.0;
        let packed = |x: Tensor<Cpu, 4>| x.reshape([images, tokens, 3 * width]);
        let parts = |x| {
            let x = packed(x);
            [0, 1, 2].map(|i| x.clone().narrow(2, i * width, width))
        };
        let theirs = |x| {
            let [q, k, v] = parts(x).map(|part| {
                let heads = part.reshape([images, tokens, heads, head]);
                heads.swap_dims(1, 2)
            });
            let scores = q.matmul(k.transpose()) / (head as f64).sqrt();
            let mixed = activation::softmax(scores, 3).matmul(v).swap_dims(1, 2);
            mixed.reshape([images, 1, tokens, width])
        };
        let out = [images, 1, tokens, width];
        let ours = |x| super::attention(&packed(x), heads).expect("ours");
        assert_same(&x, |x| ours(x).reshape(out), theirs);
        let ours = |x: Tensor<Cpu, 4>| {
            let [q, k, v] = parts(x);
            super::attention_of([&q, &k, &v], heads).expect("ours")
        };
        assert_same(&x, |x| ours(x).reshape(out), theirs);
        let elsewhere = |x: Tensor<Cpu, 4>| by_heads(parts(x), heads).reshape(out);
        assert_same(&x, elsewhere, theirs);
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

/// Sums of a thousand products that would not fit into the format, though the last does.
#[test]
fn half_precision_is_added_up_in_f32() {
    let x = Tensor::<Cpu, 2>::full([1, 1024], 200.0, &Default::default());
    let signs = Tensor::<Cpu, 1, Int>::arange(0..1024, &x.device()).lower_elem(512);
    let weight = signs.float() * 2.0 - 1.0;
    let weight = (weight * 100.0).reshape([1024, 1]);
    let [x, weight] = [x, weight].map(|tensor| tensor.cast(DType::F16).require_grad());
    let y = super::linear(&x, &weight, Layout::InOut, None).expect("ours");
    assert_eq!(y.dtype(), DType::F16);
    let grads = y.clone().sum().backward();
    assert_eq!(numbers(y.cast(DType::F32)), [0.0]);
    let of_weight = weight.grad(&grads).expect("a gradient");
    assert_eq!(of_weight.dtype(), DType::F16);
    assert_eq!(numbers(of_weight.cast(DType::F32)), [200.0; 1024]);
}

#[test]
fn others_are_left_to_burn() {
    let (x, weight) = (random([1, 4, 6, 6]), random([4, 2, 3, 3]));
    let grouped = ConvOptions::new([1; 2], [1; 2], [1; 2], 2);
    assert!(super::conv2d(&x, &weight, None, &grouped).is_none());
    let weight = random([4, 4, 3, 3]);
    let dilated = ConvOptions::new([1; 2], [1; 2], [2; 2], 1);
    assert!(super::conv2d(&x, &weight, None, &dilated).is_none());
    let half = weight.clone().cast(DType::F16);
    let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
    assert!(super::conv2d(&x, &half, None, &options).is_none());
    assert!(super::conv2d(&x, &weight, None, &options).is_some());
}
