//! Files of embeddings, and a trainer that takes them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use rand::{Rng, SeedableRng};
use safetensors::tensor::{Dtype, TensorView};

use crate::trainer::{trainer, trainer_fails};

/// Runs a line in a folder, which must succeed; returns what it printed.
pub fn ok(at: &Path, line: &str) -> String {
    let output = trainer(at, line.split(' ')).expect("a trainer");
    assert!(output.status.success(), "{line}: {}", errors(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a line in a folder; it must fail and say each of `expected`.
pub fn fails(at: &Path, line: &str, expected: &[&str]) {
    let code = trainer_fails(at, line.split(' '), expected);
    assert_eq!(code, Some(1), "{line}");
}

/// What a program said of its errors.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file as `trainer extract` writes it.
pub fn write(path: &Path, names: &[String], rows: &[f32], width: usize) {
    let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![names.len(), width], &bytes).expect("a tensor");
    let told = HashMap::from([("images".to_string(), names.join("\n"))]);
    let file = safetensors::serialize([("embeddings", view)], Some(told)).expect("a file");
    fs::write(path, file).expect("a written file");
}

/// Rows `from..to` of an endless list of embeddings that differ.
pub fn drawn(from: u64, to: u64, width: usize) -> (Vec<String>, Vec<f32>) {
    let names = (from..to).map(|row| format!("drawn/{row}.jpg")).collect();
    let row = |row| {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(row);
        let values = rng.random_iter::<f32>().take(width);
        values.map(|value| value - 0.5).collect::<Vec<f32>>()
    };
    (names, (from..to).flat_map(row).collect())
}
