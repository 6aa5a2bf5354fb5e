//! Layers that the encoder's parts are made of, and the weights that they use up.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::reid::ReidEncoder;
use dcac_model::weights::{Precision, Values, transposed, values};

use super::graph::Graph;
use super::proto::{Attribute, TensorProto};

/// Epsilon of all norms: burn's and torch's default.
pub const EPSILON: f32 = 1e-5;

/// A graph under construction, and the weights that are no part of it yet.
pub struct Layers {
    pub graph: Graph,
    /// By timm's names.
    weights: BTreeMap<String, Values>,
    /// Number format of matrix products; all else is f32.
    pub precision: Precision,
}

impl Layers {
    /// No node yet, and the weights of an encoder.
    pub fn new<B: Backend>(encoder: &ReidEncoder<B>, precision: Precision) -> Self {
        let weights = values(encoder).into_iter().map(|tensor| {
            let name = tensor.name.strip_prefix("vit.").unwrap_or(&tensor.name);
            (name.to_string(), tensor)
        });
        Self {
            graph: Graph::default(),
            weights: weights.collect(),
            precision,
        }
    }

    /// The graph; an error if weights are left.
    pub fn finish(self) -> Result<Graph> {
        match self.weights.keys().next() {
            Some(name) => bail!("`{name}` has no place in the graph"),
            None => Ok(self.graph),
        }
    }

    /// Makes a weight part of the graph.
    pub fn weight(&mut self, name: &str, precision: Precision) -> Result<String> {
        let mut tensor = self.take(name)?;
        tensor.name = name.to_string();
        self.graph.tensor(tensor, precision);
        Ok(name.to_string())
    }

    fn take(&mut self, name: &str) -> Result<Values> {
        let tensor = self.weights.remove(name);
        tensor.with_context(|| format!("the encoder has no weight `{name}`"))
    }

    /// `x weight + bias` over the last axis.
    pub fn linear(&mut self, layer: &str, x: &str) -> Result<String> {
        let y = self.projection(layer, x)?;
        let bias = self.weight(&format!("{layer}.bias"), self.precision)?;
        Ok(self.node(format!("{layer}/Add"), "Add", [&y, &bias]))
    }

    /// `x weight` over the last axis.
    pub fn projection(&mut self, layer: &str, x: &str) -> Result<String> {
        let weight = format!("{layer}.weight");
        let tensor = swapped(&weight, self.take(&weight)?)?;
        self.graph.tensor(tensor, self.precision);
        Ok(self.node(format!("{layer}/MatMul"), "MatMul", [x, &weight]))
    }

    /// Layer normalisation in f32.
    pub fn norm(&mut self, layer: &str, x: &str) -> Result<String> {
        let weight = self.weight(&format!("{layer}.weight"), Precision::F32)?;
        let bias = self.weight(&format!("{layer}.bias"), Precision::F32)?;
        let settings = vec![
            Attribute::int("axis", -1),
            Attribute::float("epsilon", EPSILON),
        ];
        let (op, inputs) = ("LayerNormalization", [x, &weight, &bias]);
        Ok((self.graph).node(format!("{layer}/{op}"), op, inputs, settings))
    }

    /// Normalisation in `groups` of the channels of `[batch, channels, height, width]`, in f32:
    /// an operator of its own only in later versions, so groups become instances.
    pub fn group_norm(
        &mut self,
        layer: &str,
        x: &str,
        groups: usize,
        [channels, height, width]: [usize; 3],
    ) -> Result<String> {
        let [weight, bias] = ["weight", "bias"].map(|name| format!("{layer}.{name}"));
        for name in [&weight, &bias] {
            let mut tensor = self.take(name)?;
            (tensor.name, tensor.shape) = (name.clone(), vec![channels, 1, 1]);
            self.graph.tensor(tensor, Precision::F32);
        }
        let inner = |word: &str| format!("{layer}/{word}");
        let [ones, zeros] = [("ones", 1.0), ("zeros", 0.0)].map(|(word, value)| {
            let name = inner(word);
            (self.graph).filled(&name, vec![groups], value, Precision::F32);
            name
        });
        let [channels, groups, height, width] =
            [channels, groups, height, width].map(|size| size as i64);
        let [grouped, whole] = [inner("grouped"), inner("whole")];
        (self.graph).integers(&grouped, &[0, groups, channels / groups * height * width]);
        (self.graph).integers(&whole, &[0, channels, height, width]);
        let x = self.reshape(&grouped, x, &grouped);
        let epsilon = vec![Attribute::float("epsilon", EPSILON)];
        let (op, inputs) = ("InstanceNormalization", [x.as_str(), &ones, &zeros]);
        let x = (self.graph).node(inner(op), op, inputs, epsilon);
        let x = self.reshape(&whole, &x, &whole);
        let x = self.node(inner("Mul"), "Mul", [&x, &weight]);
        Ok(self.node(inner("Add"), "Add", [&x, &bias]))
    }

    /// From f32 to the format of matrix products.
    pub fn lower(&mut self, x: String) -> String {
        self.cast(x, TensorProto::FLOAT16, "f16")
    }

    /// Back to f32.
    pub fn raise(&mut self, x: String) -> String {
        self.cast(x, TensorProto::FLOAT, "f32")
    }

    fn cast(&mut self, x: String, data_type: i32, word: &str) -> String {
        if self.precision == Precision::F32 {
            return x;
        }
        let to = vec![Attribute::int("to", data_type.into())];
        self.graph.node(format!("{x}/{word}"), "Cast", [&x], to)
    }

    /// An operation without settings.
    pub fn node<const N: usize>(
        &mut self,
        name: impl Into<String>,
        op_type: &str,
        inputs: [&str; N],
    ) -> String {
        self.graph.node(name, op_type, inputs, Vec::new())
    }

    /// What lies between two places of an axis, so many steps apart.
    pub fn slice(&mut self, name: &str, x: &str, ends: [i64; 2], axis: i64, step: i64) -> String {
        let [start, end] = ends;
        let range = [
            ("start", start),
            ("end", end),
            ("axis", axis),
            ("step", step),
        ];
        let range = range.map(|(part, value)| {
            let constant = format!("{name}/{part}");
            self.graph.integers(&constant, &[value]);
            constant
        });
        let [start, end, axis, step] = range.each_ref().map(String::as_str);
        self.node(
            format!("{name}/Slice"),
            "Slice",
            [x, start, end, axis, step],
        )
    }

    /// Another shape, by the name of that.
    pub fn reshape(&mut self, name: &str, x: &str, shape: &str) -> String {
        self.node(format!("{name}/Reshape"), "Reshape", [x, shape])
    }

    /// Another order of axes.
    pub fn transpose(&mut self, name: &str, x: &str, axes: &[i64]) -> String {
        let axes = vec![Attribute::ints("perm", axes)];
        (self.graph).node(format!("{name}/Transpose"), "Transpose", [x], axes)
    }
}

/// Weights of a linear layer, stored `[out, in]`, as `[in, out]` and under a name.
fn swapped(name: &str, tensor: Values) -> Result<Values> {
    let &[rows, columns] = tensor.shape.as_slice() else {
        bail!(
            "`{name}` has the shape {:?}, expected two sides",
            tensor.shape
        );
    };
    Ok(Values {
        name: name.to_string(),
        shape: vec![columns, rows],
        read: Box::new(move || Ok(transposed(&(tensor.read)()?, columns))),
    })
}
