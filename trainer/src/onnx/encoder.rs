//! What the encoder computes, operation by operation: `dcac_model::clip` and the neck.

use anyhow::Result;
use burn::tensor::backend::Backend;
use dcac_model::clip::VitConfig;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;

use super::graph::Initializer;
use super::layers::{EPSILON, Layers};
use super::proto::{Attribute, GraphProto, ValueInfo};

/// The smallest length that an embedding is divided by.
const SHORTEST: f32 = 1e-12;

// Constants that every block uses.
const QUERY_SCALE: &str = "query_scale";
const QUICK_GELU: &str = "quick_gelu";
const HEADS: &str = "heads_shape";
const TOKENS: &str = "tokens_shape";

/// The graph of an encoder, and its weights.
pub fn graph<B: Backend>(
    encoder: &ReidEncoder<B>,
    EncoderConfig {
        vit: config, flip, ..
    }: &EncoderConfig,
    precision: Precision,
) -> Result<(GraphProto, Vec<Initializer>)> {
    let mut net = Layers::new(encoder, precision);
    let head = config.dim / config.heads;
    let [dim, heads, head, tokens] =
        [config.dim, config.heads, head, config.tokens()].map(|size| size as i64);
    (net.graph).scalar(QUERY_SCALE, (head as f32).powf(-0.5), precision);
    net.graph.scalar(QUICK_GELU, 1.702, precision);
    // A 0 keeps the length that there is: the batch.
    net.graph.integers(HEADS, &[0, tokens, heads, head]);
    net.graph.integers(TOKENS, &[0, tokens, dim]);

    let images = match flip {
        true => with_mirrored(&mut net),
        false => "images".to_string(),
    };
    let x = embed_patches(&mut net, config, &images)?;
    let x = (0..config.depth).try_fold(x, |x, i| block(&mut net, &format!("blocks.{i}"), &x))?;
    let embedding = project(&mut net, config, &x)?;
    let embedding = match flip {
        true => mean_of_both(&mut net, config, &embedding),
        false => embedding,
    };
    neck(&mut net, &embedding)?;
    Ok(net.finish()?.finish(
        "encoder",
        ValueInfo::batch_of("images", &[3, config.height, config.width]),
        ValueInfo::batch_of("embeddings", &[config.embedding]),
    ))
}

/// The batch, then the mirror images of all of it.
fn with_mirrored(net: &mut Layers) -> String {
    // The whole last axis, from its end to before its beginning.
    let mirrored = net.slice("mirrored", "images", [-1, i64::MIN], 3, -1);
    let axis = vec![Attribute::int("axis", 0)];
    (net.graph).node("mirrored/Concat", "Concat", ["images", &mirrored], axis)
}

/// The mean of what the two halves of a batch give.
fn mean_of_both(net: &mut Layers, config: &VitConfig, x: &str) -> String {
    (net.graph).integers("halves_shape", &[2, -1, config.embedding as i64]);
    let halves = net.reshape("halves", x, "halves_shape");
    let axes = vec![Attribute::ints("axes", &[0]), Attribute::int("keepdims", 0)];
    (net.graph).node("halves/ReduceMean", "ReduceMean", [&halves], axes)
}

/// Images to the tokens that the first block takes.
fn embed_patches(net: &mut Layers, config: &VitConfig, images: &str) -> Result<String> {
    let (_, _, _, side) = config.patch_source();
    let (dim, side) = (config.dim as i64, side as i64);
    let x = net.lower(images.to_string());
    let x = (config.stem.iter().enumerate())
        .try_fold(x, |x, (i, &channels)| stem(net, config, i, channels, &x))?;
    let weight = net.weight("patch_embed.proj.weight", net.precision)?;
    let settings = vec![
        Attribute::ints("kernel_shape", &[side, side]),
        Attribute::ints("strides", &[side, side]),
    ];
    let x = (net.graph).node("patch_embed/Conv", "Conv", [&x, &weight], settings);
    let x = net.raise(x);
    net.graph.integers("patches_shape", &[0, dim, -1]);
    let x = net.reshape("patch_embed", &x, "patches_shape");
    let patches = net.transpose("patch_embed", &x, &[0, 2, 1]);

    let axis = |axis| vec![Attribute::int("axis", axis)];
    let class = net.weight("cls_token", Precision::F32)?;
    let first = vec![Attribute::int("start", 0), Attribute::int("end", 1)];
    let batch = net.graph.node("cls_token/batch", "Shape", [images], first);
    net.graph.integers("token_shape", &[1, dim]);
    let shape = [batch.as_str(), "token_shape"];
    let shape = (net.graph).node("cls_token/shape", "Concat", shape, axis(0));
    let class = net.node("cls_token/Expand", "Expand", [&class, &shape]);
    let x = (net.graph).node("tokens/Concat", "Concat", [&class, &patches], axis(1));

    let positions = net.weight("pos_embed", Precision::F32)?;
    let x = net.node("pos_embed/Add", "Add", [&x, &positions]);
    net.norm("norm_pre", &x)
}

/// A convolution before the patches are cut, its norm, ReLU, and what may be added to it.
fn stem(
    net: &mut Layers,
    config: &VitConfig,
    i: usize,
    channels: usize,
    x: &str,
) -> Result<String> {
    let name = format!("patch_embed.backbone.{i}");
    let groups = config.stem_groups(i);
    let [height, width] = [config.height, config.width].map(|side| side >> (i + 1));
    let map = [channels, height, width];
    let conv = |net: &mut Layers, layer: &str, x: &str, stride| -> Result<String> {
        let weight = net.weight(&format!("{name}.{layer}.weight"), net.precision)?;
        let settings = vec![
            Attribute::ints("kernel_shape", &[3, 3]),
            Attribute::ints("strides", &[stride, stride]),
            Attribute::ints("pads", &[1, 1, 1, 1]),
        ];
        let node = format!("{name}.{layer}/Conv");
        let x = (net.graph).node(node, "Conv", [x, &weight], settings);
        Ok(net.raise(x))
    };
    let norm = |net: &mut Layers, layer: &str, x: &str, groups| {
        net.group_norm(&format!("{name}.{layer}"), x, groups, map)
    };
    let relu = |net: &mut Layers, layer: &str, x: &str| {
        let x = net.node(format!("{name}.{layer}/Relu"), "Relu", [x]);
        net.lower(x)
    };

    let h = conv(net, "conv", x, 2)?;
    let h = norm(net, "bn", &h, groups)?;
    let x = relu(net, "bn", &h);
    if !config.has_residual(i) {
        return Ok(x);
    }
    let h = conv(net, "residual.conv1", &x, 1)?;
    let h = norm(net, "residual.bn1", &h, groups)?;
    let h = relu(net, "residual.bn1", &h);
    let h = conv(net, "residual.conv2", &h, 1)?;
    let h = norm(net, "residual.bn2", &h, groups)?;
    let x = net.raise(x);
    let x = net.node(format!("{name}.residual/Add"), "Add", [&x, &h]);
    let x = norm(net, "residual.norm", &x, channels)?;
    Ok(relu(net, "residual.norm", &x))
}

/// One pre-norm block; the residual stream is f32.
fn block(net: &mut Layers, name: &str, x: &str) -> Result<String> {
    let h = net.norm(&format!("{name}.norm1"), x)?;
    let h = net.lower(h);
    let h = attention(net, &format!("{name}.attn"), &h)?;
    let h = net.raise(h);
    let x = net.node(format!("{name}.attn/residual"), "Add", [x, &h]);
    let h = net.norm(&format!("{name}.norm2"), &x)?;
    let h = net.lower(h);
    let h = mlp(net, &format!("{name}.mlp"), &h)?;
    let h = net.raise(h);
    Ok(net.node(format!("{name}.mlp/residual"), "Add", [&x, &h]))
}

fn attention(net: &mut Layers, name: &str, x: &str) -> Result<String> {
    let inner = |word: &str| format!("{name}/{word}");
    let qkv = net.linear(&format!("{name}.qkv"), x)?;
    let [q, k, v] = (net.graph).split(&inner("Split"), &qkv, ["q", "k", "v"]);
    let mut by_head = |word: &str, x: &str, axes: &[i64]| {
        let x = net.reshape(&inner(word), x, HEADS);
        net.transpose(&inner(word), &x, axes)
    };
    let q = by_head("q", &q, &[0, 2, 1, 3]);
    let k = by_head("k", &k, &[0, 2, 3, 1]);
    let v = by_head("v", &v, &[0, 2, 1, 3]);
    let q = net.node(inner("q/Mul"), "Mul", [&q, QUERY_SCALE]);
    let scores = net.node(inner("scores/MatMul"), "MatMul", [&q, &k]);
    let scores = net.raise(scores);
    let axis = vec![Attribute::int("axis", -1)];
    let weights = (net.graph).node(inner("Softmax"), "Softmax", [&scores], axis);
    let weights = net.lower(weights);
    let mixed = net.node(inner("mixed/MatMul"), "MatMul", [&weights, &v]);
    let mixed = net.transpose(&inner("mixed"), &mixed, &[0, 2, 1, 3]);
    let mixed = net.reshape(&inner("mixed"), &mixed, TOKENS);
    net.linear(&format!("{name}.proj"), &mixed)
}

fn mlp(net: &mut Layers, name: &str, x: &str) -> Result<String> {
    let x = net.linear(&format!("{name}.fc1"), x)?;
    // QuickGELU: x sigmoid(1.702 x).
    let gate = net.node(format!("{name}.act/scale"), "Mul", [&x, QUICK_GELU]);
    let gate = net.node(format!("{name}.act/Sigmoid"), "Sigmoid", [&gate]);
    let x = net.node(format!("{name}.act/Mul"), "Mul", [&x, &gate]);
    net.linear(&format!("{name}.fc2"), &x)
}

/// What the neck takes, in f32: the class token and the bands' means, projected.
fn project(net: &mut Layers, config: &VitConfig, x: &str) -> Result<String> {
    net.graph.integer("class_index", 0);
    let axis = || vec![Attribute::int("axis", 1)];
    let class = |net: &mut Layers, x| {
        (net.graph).node("class/Gather", "Gather", [x, "class_index"], axis())
    };
    let pooled = if config.bands == 0 {
        // The last norm looks at tokens one by one, and only this one goes on.
        let class = class(net, x);
        net.norm("norm", &class)?
    } else {
        let tokens = net.norm("norm", x)?;
        let class = class(net, &tokens);
        let bands = means(net, config, &tokens);
        (net.graph).node("pooled/Concat", "Concat", [&class, &bands], axis())
    };
    let pooled = net.lower(pooled);
    let embedding = net.projection("head", &pooled)?;
    Ok(net.raise(embedding))
}

/// The mean token of every band, one after another.
fn means(net: &mut Layers, config: &VitConfig, tokens: &str) -> String {
    let [bands, dim, count] = [config.bands, config.dim, config.tokens()].map(|size| size as i64);
    let patches = net.slice("bands", tokens, [1, count], 1, 1);
    (net.graph).integers("bands_shape", &[0, bands, (count - 1) / bands, dim]);
    let patches = net.reshape("bands", &patches, "bands_shape");
    let axes = vec![Attribute::ints("axes", &[2]), Attribute::int("keepdims", 0)];
    let means = (net.graph).node("bands/ReduceMean", "ReduceMean", [&patches], axes);
    (net.graph).integers("means_shape", &[0, bands * dim]);
    net.reshape("bands/means", &means, "means_shape")
}

/// Batch normalisation with running statistics, then length 1.
fn neck(net: &mut Layers, x: &str) -> Result<()> {
    let mut weight = |name: &str| net.weight(&format!("neck.{name}"), Precision::F32);
    let (scale, shift) = (weight("weight")?, weight("bias")?);
    let (mean, variance) = (weight("running_mean")?, weight("running_var")?);
    let inputs = [x, &scale, &shift, &mean, &variance];
    let epsilon = vec![Attribute::float("epsilon", EPSILON)];
    let op = "BatchNormalization";
    let x = net.graph.node(format!("neck/{op}"), op, inputs, epsilon);
    let axes = vec![Attribute::ints("axes", &[1])];
    let length = net.graph.node("length/ReduceL2", "ReduceL2", [&x], axes);
    net.graph.scalar("shortest", SHORTEST, Precision::F32);
    let length = net.node("length/Max", "Max", [&length, "shortest"]);
    net.node("embeddings", "Div", [&x, &length]);
    Ok(())
}
