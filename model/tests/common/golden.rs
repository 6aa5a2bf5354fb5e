//! Golden files and the comparison with them.

use std::collections::HashMap;

use burn::prelude::*;
use safetensors::SafeTensors;

use super::Cpu;

/// One golden file.
pub struct Golden(Vec<u8>);

impl Golden {
    pub fn open(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/");
        Self::at(&format!("{folder}{name}.safetensors"))
    }

    /// Any safetensors file.
    pub fn at(path: &str) -> Self {
        Self(std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub fn names(&self) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        file.names().into_iter().map(str::to_string).collect()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.numbers(name, f32::from_le_bytes)
    }

    pub fn doubles(&self, name: &str) -> Vec<f64> {
        self.numbers(name, f64::from_le_bytes)
    }

    pub fn indices(&self, name: &str) -> Vec<usize> {
        self.numbers(name, |bytes| i64::from_le_bytes(bytes) as usize)
    }

    fn numbers<T, const N: usize>(&self, name: &str, read: impl Fn([u8; N]) -> T) -> Vec<T> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let (chunks, _) = file.tensor(name).unwrap().data().as_chunks::<N>();
        chunks.iter().map(|&chunk| read(chunk)).collect()
    }

    pub fn tensor<B: Backend, const D: usize>(&self, name: &str) -> Tensor<B, D> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let shape = file.tensor(name).unwrap().shape().to_vec();
        Tensor::from_data(
            TensorData::new(self.floats(name), shape),
            &Default::default(),
        )
    }

    /// A file of the tensors that `keep` renames.
    pub fn weights(&self, keep: impl Fn(&str) -> Option<String>) -> Vec<u8> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let kept: HashMap<String, _> = (file.iter())
            .filter_map(|(name, view)| Some((keep(name)?, view)))
            .collect();
        safetensors::serialize(kept, None).unwrap()
    }
}

/// `max|a - b| / max|b|`.
pub fn relative(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |m, b| m.max(b.abs()));
    let error = (found.iter().zip(expected)).fold(0.0_f32, |m, (a, b)| {
        assert!(a.is_finite());
        m.max((a - b).abs())
    });
    error / scale
}

pub fn assert_close<const D: usize>(
    what: &str,
    found: Tensor<Cpu, D>,
    golden: &Golden,
    bound: f32,
) {
    let found: Vec<f32> = found.into_data().to_vec().unwrap();
    let error = relative(&found, &golden.floats(what));
    assert!(
        error <= bound,
        "{what}: relative error {error:e}, bound {bound:e}"
    );
}
