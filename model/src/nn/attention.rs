//! Multi-head attention between what has been projected.

use burn::prelude::*;
use burn::tensor::activation;

use super::format::in_f32;

/// Attention of a sequence to itself; `qkv` `[B, T, 3 D]` holds queries, keys and values of all
/// heads. Gives `[B, T, D]`.
pub(crate) fn self_attention<B: Backend>(qkv: Tensor<B, 3>, heads: usize) -> Tensor<B, 3> {
    #[cfg(feature = "flex")]
    if let Some(mixed) = super::flex::attention(&qkv, heads) {
        return mixed;
    }
    let width = qkv.dims()[2] / 3;
    let part = |i| qkv.clone().narrow(2, i * width, width);
    by_heads([part(0), part(1), part(2)], heads)
}

/// Attention of queries `[B, T, D]` to keys and values `[B, S, D]`. Gives `[B, T, D]`.
#[cfg(feature = "training")]
pub(crate) fn attention<B: Backend>([q, k, v]: [Tensor<B, 3>; 3], heads: usize) -> Tensor<B, 3> {
    #[cfg(feature = "flex")]
    if let Some(mixed) = super::flex::attention_of([&q, &k, &v], heads) {
        return mixed;
    }
    by_heads([q, k, v], heads)
}

/// All heads' products at once.
pub(super) fn by_heads<B: Backend>([q, k, v]: [Tensor<B, 3>; 3], heads: usize) -> Tensor<B, 3> {
    let [batch, tokens, width] = q.dims();
    let head = width / heads;
    let split = |x: Tensor<B, 3>| {
        let [batch, tokens, _] = x.dims();
        x.reshape([batch, tokens, heads, head]).swap_dims(1, 2)
    };
    let q = split(q) * (head as f64).powf(-0.5);
    let weights = softmax(q.matmul(split(k).transpose()), 3);
    let mixed = weights.matmul(split(v));
    mixed.swap_dims(1, 2).reshape([batch, tokens, width])
}

/// Computes in f32.
fn softmax<B: Backend, const D: usize>(x: Tensor<B, D>, axis: usize) -> Tensor<B, D> {
    in_f32(x, |x| activation::softmax(x, axis))
}
