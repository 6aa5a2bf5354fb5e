//! Spatial transformer: self-attention, cross-attention to the condition, GEGLU.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, LayerNorm, LayerNormConfig};
use burn::prelude::*;

use super::super::lora::LoraLinear;
use super::super::resnet::{conv1x1, group_norm};
use super::UnetConfig;
use crate::nn::{self, Activation};

/// A transformer of depth 1 over the positions of `[B, C, H, W]`.
#[derive(Module, Debug)]
pub(super) struct SpatialTransformer<B: Backend> {
    norm: GroupNorm<B>,
    proj_in: Conv2d<B>,
    transformer_blocks: Vec<TransformerBlock<B>>,
    proj_out: Conv2d<B>,
}

#[derive(Module, Debug)]
struct TransformerBlock<B: Backend> {
    norm1: LayerNorm<B>,
    attn1: Attention<B>,
    norm2: LayerNorm<B>,
    attn2: Attention<B>,
    norm3: LayerNorm<B>,
    ff: FeedForward<B>,
}

#[derive(Module, Debug)]
struct Attention<B: Backend> {
    to_q: LoraLinear<B>,
    to_k: LoraLinear<B>,
    to_v: LoraLinear<B>,
    to_out: LoraLinear<B>,
    heads: usize,
}

/// GEGLU and its output layer. Only the input projection carries LoRA.
#[derive(Module, Debug)]
struct FeedForward<B: Backend> {
    proj: LoraLinear<B>,
    out: LoraLinear<B>,
}

impl<B: Backend> SpatialTransformer<B> {
    pub(super) fn new(
        channels: usize,
        config: &UnetConfig,
        adapters: Adapters,
        device: &B::Device,
    ) -> Self {
        let norm = || LayerNormConfig::new(channels).init(device);
        let attention = |context| Attention {
            to_q: LoraLinear::new(
                channels,
                channels,
                adapters.bias,
                adapters.attention,
                device,
            ),
            to_k: LoraLinear::new(context, channels, adapters.bias, adapters.attention, device),
            to_v: LoraLinear::new(context, channels, adapters.bias, adapters.attention, device),
            to_out: LoraLinear::new(channels, channels, true, adapters.attention, device),
            heads: config.heads,
        };
        Self {
            norm: group_norm(config.groups, channels, 1e-6, device),
            proj_in: conv1x1(channels, channels, device),
            transformer_blocks: vec![TransformerBlock {
                norm1: norm(),
                attn1: attention(channels),
                norm2: norm(),
                attn2: attention(config.context),
                norm3: norm(),
                ff: FeedForward {
                    proj: LoraLinear::new(channels, 8 * channels, true, adapters.attention, device),
                    out: LoraLinear::new(4 * channels, channels, true, adapters.output, device),
                },
            }],
            proj_out: conv1x1(channels, channels, device),
        }
    }

    /// `x` is `[B, C, H, W]`, `context` `[B, tokens, context]`.
    pub(super) fn forward(&self, x: Tensor<B, 4>, context: &Tensor<B, 3>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = x.dims();
        let h = nn::group_norm(&self.norm, x.clone(), Activation::None);
        let h = nn::transpose(nn::conv2d(&self.proj_in, h).flatten::<3>(2, 3));
        let h = (self.transformer_blocks.iter()).fold(h, |h, block| block.forward(h, context));
        let h = nn::transpose(h).reshape([batch, channels, height, width]);
        x + nn::conv2d(&self.proj_out, h)
    }
}

/// What the projections carry beside Stable Diffusion's weights; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Adapters {
    /// Rank of LoRA at the attention projections and the GEGLU input projection; 0 is none.
    pub attention: usize,
    /// Rank at the feed-forward's output layer, adapted in the paper's text only.
    pub output: usize,
    /// Biases of the query, key and value projections.
    pub bias: bool,
}

impl<B: Backend> TransformerBlock<B> {
    fn forward(&self, x: Tensor<B, 3>, context: &Tensor<B, 3>) -> Tensor<B, 3> {
        let h = nn::layer_norm(&self.norm1, x.clone());
        let x = x + self.attn1.forward(h.clone(), &h);
        let [_, tokens, _] = context.dims();
        let x = if tokens == 1 {
            x + self.attn2.forward_single(context)
        } else {
            x.clone() + self.attn2.forward(nn::layer_norm(&self.norm2, x), context)
        };
        x.clone() + self.ff.forward(nn::layer_norm(&self.norm3, x))
    }
}

impl<B: Backend> Attention<B> {
    fn forward(&self, x: Tensor<B, 3>, context: &Tensor<B, 3>) -> Tensor<B, 3> {
        let q = self.to_q.forward(x);
        let k = self.to_k.forward(context.clone());
        let v = self.to_v.forward(context.clone());
        self.to_out.forward(nn::attention([q, k, v], self.heads))
    }

    /// Attention to a context of one token, `[B, 1, C]`: its softmax is 1 whatever
    /// the query, so every position receives the same value and the query and key
    /// projections take no part, in value or in gradient.
    fn forward_single(&self, context: &Tensor<B, 3>) -> Tensor<B, 3> {
        self.to_out.forward(self.to_v.forward(context.clone()))
    }
}

impl<B: Backend> FeedForward<B> {
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.out.forward(nn::geglu(self.proj.forward(x)))
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;

    type Train = Autodiff<Flex>;

    fn attention() -> Attention<Train> {
        let device = Default::default();
        let mut attention = Attention {
            to_q: LoraLinear::new(12, 12, false, 2, &device),
            to_k: LoraLinear::new(10, 12, false, 2, &device),
            to_v: LoraLinear::new(10, 12, false, 2, &device),
            to_out: LoraLinear::new(12, 12, true, 2, &device),
            heads: 3,
        };
        // B starts at zero, where A would have no part in the result.
        for layer in [&mut attention.to_v, &mut attention.to_out] {
            let b = layer.lora_b.take();
            let normal = Distribution::Normal(0.0, 1.0);
            layer.lora_b = b.map(|b| b.map(|b| b.random_like(normal).require_grad()));
        }
        attention
    }

    fn assert_equal<const D: usize>(a: Option<Tensor<Flex, D>>, b: Option<Tensor<Flex, D>>) {
        let (a, b) = (a.expect("a tensor"), b.expect("a tensor"));
        let scale = b.clone().abs().max().into_scalar();
        let error = (a - b).abs().max().into_scalar() / scale;
        assert!(scale > 0.0 && error < 1e-5, "{error:e}");
    }

    /// In value, and in the gradient to the context and to every weight that has a part;
    /// query and key have none either way.
    #[test]
    fn attention_to_a_single_token_equals_the_general_one() {
        let device = Default::default();
        Train::seed(&device, 5);
        let attention = attention();
        let normal = Distribution::Normal(0.0, 1.0);
        let x = Tensor::<Train, 3>::random([2, 6, 12], normal, &device);
        let context = Tensor::<Train, 3>::random([2, 1, 10], normal, &device).require_grad();
        let weight = Tensor::<Train, 3>::random([2, 6, 12], normal, &device);

        let general = attention.forward(x.clone(), &context);
        let single = attention.forward_single(&context).expand([2, 6, 12]);
        assert_equal(Some(single.clone().inner()), Some(general.clone().inner()));

        let general = (general * weight.clone()).sum().backward();
        let single = (single * weight).sum().backward();
        assert_equal(context.grad(&single), context.grad(&general));
        for layer in [&attention.to_v, &attention.to_out] {
            let weight = layer.weight.val();
            assert_equal(weight.grad(&single), weight.grad(&general));
            for matrix in [&layer.lora_a, &layer.lora_b].into_iter().flatten() {
                assert_equal(matrix.val().grad(&single), matrix.val().grad(&general));
            }
        }
        for layer in [&attention.to_q, &attention.to_k] {
            let weight = layer.weight.val();
            assert!(weight.grad(&single).is_none());
            let gradient = weight.grad(&general).expect("a gradient");
            assert!(gradient.abs().max().into_scalar() < 1e-6);
        }
    }
}
