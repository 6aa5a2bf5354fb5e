//! What the encoder computes, operation by operation: `dcac_model::clip` and the neck.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::clip::VitConfig;
use dcac_model::reid::ReidEncoder;
use dcac_model::weights::{Precision, Values, values};

use super::graph::{Graph, Initializer};
use super::proto::{Attribute, GraphProto, TensorProto, ValueInfo};

/// Epsilon of the norms: burn's and torch's default.
const EPSILON: f32 = 1e-5;
/// The smallest length that an embedding is divided by.
const SHORTEST: f32 = 1e-12;

/// Constants that several nodes use.
const QUERY_SCALE: &str = "query_scale";
const QUICK_GELU: &str = "quick_gelu";
const HEADS: &str = "heads_shape";
const TOKENS: &str = "tokens_shape";

/// The graph of an encoder and its weights.
pub fn graph<B: Backend>(
    encoder: &ReidEncoder<B>,
    config: &VitConfig,
    precision: Precision,
) -> Result<(GraphProto, Vec<Initializer>)> {
    let weights = (values(encoder).into_iter()).map(|tensor| {
        let name = tensor.name.strip_prefix("vit.").unwrap_or(&tensor.name);
        (name.to_string(), tensor)
    });
    let mut build = Build {
        graph: Graph::default(),
        weights: weights.collect(),
        config,
        precision,
    };
    build.constants();
    let x = build.embed_patches("images")?;
    let x = (0..config.depth).try_fold(x, |x, i| build.block(&format!("blocks.{i}"), x))?;
    let embedding = build.project(&x)?;
    build.neck(&embedding)?;
    if let Some(name) = build.weights.keys().next() {
        bail!("`{name}` has no place in the graph");
    }
    Ok(build.graph.finish(
        "encoder",
        ValueInfo::batch_of("images", &[3, config.height, config.width]),
        ValueInfo::batch_of("embeddings", &[config.embedding]),
    ))
}

struct Build<'a> {
    graph: Graph,
    /// Weights that no node uses yet, by timm's names.
    weights: BTreeMap<String, Values>,
    config: &'a VitConfig,
    /// Of matrix products.
    precision: Precision,
}

impl Build<'_> {
    fn constants(&mut self) {
        let (dim, heads) = (self.config.dim, self.config.heads);
        let (head, tokens) = ((dim / heads) as i64, self.config.tokens() as i64);
        let scale = (head as f32).powf(-0.5);
        self.graph.scalar(QUERY_SCALE, scale, self.precision);
        self.graph.scalar(QUICK_GELU, 1.702, self.precision);
        // A 0 keeps the length that there is: the batch.
        self.graph.integers(HEADS, &[0, tokens, heads as i64, head]);
        self.graph.integers(TOKENS, &[0, tokens, dim as i64]);
    }

    /// Makes a weight part of the graph.
    fn weight(&mut self, name: &str, precision: Precision) -> Result<String> {
        let mut tensor = self.take(name)?;
        tensor.name = name.to_string();
        self.graph.tensor(tensor, precision);
        Ok(name.to_string())
    }

    fn take(&mut self, name: &str) -> Result<Values> {
        let tensor = self.weights.remove(name);
        tensor.with_context(|| format!("the encoder has no weight `{name}`"))
    }

    /// `x weight + bias` over the last axis, in the format of `x`.
    fn linear(&mut self, layer: &str, x: &str, bias: bool) -> Result<String> {
        let weight = format!("{layer}.weight");
        let tensor = self.take(&weight)?;
        self.graph
            .tensor(transposed(&weight, tensor)?, self.precision);
        let name = format!("{layer}/MatMul");
        let y = self.graph.node(name, "MatMul", [x, &weight], vec![]);
        if !bias {
            return Ok(y);
        }
        let bias = self.weight(&format!("{layer}.bias"), self.precision)?;
        let name = format!("{layer}/Add");
        Ok(self.graph.node(name, "Add", [&y, &bias], vec![]))
    }

    /// Layer normalisation in f32.
    fn norm(&mut self, layer: &str, x: &str) -> Result<String> {
        let weight = self.weight(&format!("{layer}.weight"), Precision::F32)?;
        let bias = self.weight(&format!("{layer}.bias"), Precision::F32)?;
        let settings = vec![
            Attribute::int("axis", -1),
            Attribute::float("epsilon", EPSILON),
        ];
        let inputs = [x, &weight, &bias];
        let name = format!("{layer}/LayerNormalization");
        Ok(self
            .graph
            .node(name, "LayerNormalization", inputs, settings))
    }

    /// From f32 to the format of matrix products.
    fn lower(&mut self, x: String) -> String {
        self.cast(x, TensorProto::FLOAT16, "f16")
    }

    /// Back to f32.
    fn raise(&mut self, x: String) -> String {
        self.cast(x, TensorProto::FLOAT, "f32")
    }

    fn cast(&mut self, x: String, data_type: i32, word: &str) -> String {
        if self.precision == Precision::F32 {
            return x;
        }
        let to = vec![Attribute::int("to", data_type.into())];
        self.graph.node(format!("{x}/{word}"), "Cast", [&x], to)
    }

    fn reshape(&mut self, name: &str, x: &str, shape: &str) -> String {
        self.graph
            .node(format!("{name}/Reshape"), "Reshape", [x, shape], vec![])
    }

    fn transpose(&mut self, name: &str, x: &str, axes: &[i64]) -> String {
        let axes = vec![Attribute::ints("perm", axes)];
        self.graph
            .node(format!("{name}/Transpose"), "Transpose", [x], axes)
    }

    /// Images to the tokens that the first block takes.
    fn embed_patches(&mut self, images: &str) -> Result<String> {
        let (dim, side) = (self.config.dim as i64, self.config.patch as i64);
        let weight = self.weight("patch_embed.proj.weight", self.precision)?;
        let x = self.lower(images.to_string());
        let settings = vec![
            Attribute::ints("kernel_shape", &[side, side]),
            Attribute::ints("strides", &[side, side]),
        ];
        let inputs = [x.as_str(), &weight];
        let x = (self.graph).node("patch_embed/proj/Conv", "Conv", inputs, settings);
        let x = self.raise(x);
        self.graph.integers("patches_shape", &[0, dim, -1]);
        let x = self.reshape("patch_embed", &x, "patches_shape");
        let patches = self.transpose("patch_embed", &x, &[0, 2, 1]);

        let class = self.weight("cls_token", Precision::F32)?;
        let first = vec![Attribute::int("start", 0), Attribute::int("end", 1)];
        let batch = self.graph.node("cls_token/batch", "Shape", [images], first);
        self.graph.integers("cls_token_shape", &[1, dim]);
        let axis = |axis| vec![Attribute::int("axis", axis)];
        let shape = [batch.as_str(), "cls_token_shape"];
        let shape = (self.graph).node("cls_token/shape", "Concat", shape, axis(0));
        let class = (self.graph).node("cls_token/Expand", "Expand", [&class, &shape], vec![]);
        let x = (self.graph).node("tokens/Concat", "Concat", [&class, &patches], axis(1));

        let positions = self.weight("pos_embed", Precision::F32)?;
        let x = (self.graph).node("pos_embed/Add", "Add", [&x, &positions], vec![]);
        self.norm("norm_pre", &x)
    }

    /// One pre-norm block; the residual stream is f32.
    fn block(&mut self, name: &str, x: String) -> Result<String> {
        let h = self.norm(&format!("{name}.norm1"), &x)?;
        let h = self.lower(h);
        let h = self.attention(&format!("{name}.attn"), &h)?;
        let h = self.raise(h);
        let sum = format!("{name}.attn/residual");
        let x = self.graph.node(sum, "Add", [&x, &h], vec![]);
        let h = self.norm(&format!("{name}.norm2"), &x)?;
        let h = self.lower(h);
        let h = self.mlp(&format!("{name}.mlp"), &h)?;
        let h = self.raise(h);
        let sum = format!("{name}.mlp/residual");
        Ok(self.graph.node(sum, "Add", [&x, &h], vec![]))
    }

    fn attention(&mut self, name: &str, x: &str) -> Result<String> {
        let qkv = self.linear(&format!("{name}.qkv"), x, true)?;
        let [q, k, v] = (self.graph).split(&format!("{name}/Split"), &qkv, ["q", "k", "v"]);
        let (by_head, keys) = ([0, 2, 1, 3], [0, 2, 3, 1]);
        let mut part = |word: &str, x: &str, axes: &[i64]| {
            let name = format!("{name}/{word}");
            let x = self.reshape(&name, x, HEADS);
            self.transpose(&name, &x, axes)
        };
        let (q, k, v) = (
            part("q", &q, &by_head),
            part("k", &k, &keys),
            part("v", &v, &by_head),
        );
        let scaled = format!("{name}/q/Mul");
        let q = self.graph.node(scaled, "Mul", [&q, QUERY_SCALE], vec![]);
        let scores = format!("{name}/scores/MatMul");
        let scores = self.graph.node(scores, "MatMul", [&q, &k], vec![]);
        let scores = self.raise(scores);
        let axis = vec![Attribute::int("axis", -1)];
        let weights = format!("{name}/Softmax");
        let weights = self.graph.node(weights, "Softmax", [&scores], axis);
        let weights = self.lower(weights);
        let mixed = format!("{name}/mixed/MatMul");
        let mixed = self.graph.node(mixed, "MatMul", [&weights, &v], vec![]);
        let name_of_mixed = format!("{name}/mixed");
        let mixed = self.transpose(&name_of_mixed, &mixed, &by_head);
        let mixed = self.reshape(&name_of_mixed, &mixed, TOKENS);
        self.linear(&format!("{name}.proj"), &mixed, true)
    }

    fn mlp(&mut self, name: &str, x: &str) -> Result<String> {
        let x = self.linear(&format!("{name}.fc1"), x, true)?;
        // QuickGELU: x sigmoid(1.702 x).
        let act = |word: &str| format!("{name}.act/{word}");
        let gate = (self.graph).node(act("scale"), "Mul", [&x, QUICK_GELU], vec![]);
        let gate = (self.graph).node(act("Sigmoid"), "Sigmoid", [&gate], vec![]);
        let x = (self.graph).node(act("Mul"), "Mul", [&x, &gate], vec![]);
        self.linear(&format!("{name}.fc2"), &x, true)
    }

    /// What the neck takes, in f32: the projected class token.
    fn project(&mut self, x: &str) -> Result<String> {
        self.graph.integer("class_index", 0);
        let axis = vec![Attribute::int("axis", 1)];
        let class = (self.graph).node("class/Gather", "Gather", [x, "class_index"], axis);
        // The last norm looks at tokens one by one, and only this one goes on.
        let class = self.norm("norm", &class)?;
        let class = self.lower(class);
        let embedding = self.linear("head", &class, false)?;
        Ok(self.raise(embedding))
    }

    /// Batch normalisation with running statistics, then length 1.
    fn neck(&mut self, x: &str) -> Result<()> {
        let mut weight = |name: &str| self.weight(&format!("neck.{name}"), Precision::F32);
        let (scale, shift) = (weight("weight")?, weight("bias")?);
        let (mean, variance) = (weight("running_mean")?, weight("running_var")?);
        let inputs = [x, &scale, &shift, &mean, &variance];
        let epsilon = vec![Attribute::float("epsilon", EPSILON)];
        let name = "neck/BatchNormalization";
        let x = self.graph.node(name, "BatchNormalization", inputs, epsilon);
        let axes = vec![Attribute::ints("axes", &[1])];
        let length = self.graph.node("length/ReduceL2", "ReduceL2", [&x], axes);
        self.graph.scalar("shortest", SHORTEST, Precision::F32);
        let inputs = [length.as_str(), "shortest"];
        let length = self.graph.node("length/Max", "Max", inputs, vec![]);
        self.graph.node("embeddings", "Div", [&x, &length], vec![]);
        Ok(())
    }
}

/// Weights of a linear layer, stored `[out, in]`, as `[in, out]` and under a name.
fn transposed(name: &str, tensor: Values) -> Result<Values> {
    let &[rows, columns] = tensor.shape.as_slice() else {
        bail!(
            "`{name}` has the shape {:?}, expected two sides",
            tensor.shape
        );
    };
    Ok(Values {
        name: name.to_string(),
        shape: vec![columns, rows],
        read: Box::new(move || {
            let stored = (tensor.read)()?;
            let column = |c: usize| stored.iter().skip(c).step_by(columns).copied();
            Ok((0..columns).flat_map(column).collect())
        }),
    })
}
