//! A graph under construction: nodes by name, weights that are read when they are written.

use anyhow::{Result, anyhow, bail};
use burn::tensor::f16;
use dcac_model::weights::{Precision, Values, little_endian};

use super::proto::{Attribute, GraphProto, NodeProto, TensorProto, ValueInfo};

/// Reads the bytes of a tensor.
type ReadBytes = dyn Fn() -> Result<Vec<u8>>;

/// A constant of a graph.
pub struct Initializer {
    /// Name, shape and number format.
    pub head: TensorProto,
    /// Length of its numbers in bytes.
    pub bytes: usize,
    /// Reads them.
    pub read: Box<ReadBytes>,
}

/// Nodes in the order of computation, and constants.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    initializers: Vec<Initializer>,
}

impl Graph {
    /// Adds an operation with one result, which has the node's name, and returns that.
    pub fn node<const N: usize>(
        &mut self,
        name: impl Into<String>,
        op_type: &str,
        inputs: [&str; N],
        attributes: Vec<Attribute>,
    ) -> String {
        let name = name.into();
        self.push(
            name.clone(),
            op_type,
            &inputs,
            vec![name.clone()],
            attributes,
        );
        name
    }

    /// Cuts a value into parts of the same size along its last axis.
    pub fn split<const N: usize>(
        &mut self,
        name: &str,
        input: &str,
        parts: [&str; N],
    ) -> [String; N] {
        let outputs = parts.map(|part| format!("{name}/{part}"));
        let axis = vec![Attribute::int("axis", -1)];
        self.push(name.into(), "Split", &[input], outputs.to_vec(), axis);
        outputs
    }

    fn push(
        &mut self,
        name: String,
        op_type: &str,
        inputs: &[&str],
        outputs: Vec<String>,
        attributes: Vec<Attribute>,
    ) {
        self.nodes.push(NodeProto {
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs,
            name,
            op_type: op_type.into(),
            attributes,
        });
    }

    /// Adds a list of whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        self.whole(name, vec![values.len() as i64], values);
    }

    /// Adds one whole number.
    pub fn integer(&mut self, name: &str, value: i64) {
        self.whole(name, Vec::new(), &[value]);
    }

    fn whole(&mut self, name: &str, dims: Vec<i64>, values: &[i64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(Initializer {
            head: TensorProto {
                dims,
                data_type: TensorProto::INT64,
                name: name.into(),
            },
            bytes: bytes.len(),
            read: Box::new(move || Ok(bytes.clone())),
        });
    }

    /// Adds one number.
    pub fn scalar(&mut self, name: &str, value: f32, precision: Precision) {
        self.filled(name, Vec::new(), value, precision);
    }

    /// Adds a tensor of one number alone.
    pub fn filled(&mut self, name: &str, shape: Vec<usize>, value: f32, precision: Precision) {
        let count = shape.iter().product();
        self.tensor(
            Values {
                name: name.into(),
                shape,
                read: Box::new(move || Ok(vec![value; count])),
            },
            precision,
        );
    }

    /// Adds weights.
    pub fn tensor(&mut self, values: Values, precision: Precision) {
        let (data_type, size) = match precision {
            Precision::F16 => (TensorProto::FLOAT16, 2),
            Precision::F32 => (TensorProto::FLOAT, 4),
        };
        let count: usize = values.shape.iter().product();
        self.initializers.push(Initializer {
            head: TensorProto {
                dims: values.shape.iter().map(|&side| side as i64).collect(),
                data_type,
                name: values.name.clone(),
            },
            bytes: count * size,
            read: Box::new(move || {
                let name = &values.name;
                let numbers = (values.read)().map_err(|reason| anyhow!("`{name}`: {reason}"))?;
                let largest = numbers.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
                if precision == Precision::F16 && largest > f16::MAX.to_f32() {
                    bail!("`{name}` holds {largest}, beyond what f16 can hold; choose f32");
                }
                Ok(little_endian(&numbers, precision))
            }),
        });
    }

    /// The finished graph, and its constants beside it.
    pub fn finish(
        self,
        name: &str,
        input: ValueInfo,
        output: ValueInfo,
    ) -> (GraphProto, Vec<Initializer>) {
        let graph = GraphProto {
            nodes: self.nodes,
            name: name.into(),
            inputs: vec![input],
            outputs: vec![output],
        };
        (graph, self.initializers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(precision: Precision) -> Result<Vec<u8>> {
        let mut graph = Graph::default();
        graph.scalar("head.weight", 70_000.0, precision);
        (graph.initializers[0].read)()
    }

    #[test]
    fn weights_beyond_f16_are_refused_by_name() {
        let error = read(Precision::F16).unwrap_err().to_string();
        assert!(error.contains("`head.weight` holds 70000"), "{error}");
        assert_eq!(read(Precision::F32).unwrap(), 70_000_f32.to_le_bytes());
    }
}
