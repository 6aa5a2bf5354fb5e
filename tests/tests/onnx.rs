//! ONNX files in ONNX Runtime, beside the trainer's own embeddings. Weights and crops are
//! made by `tests/onnx/model.py`, what comes out is compared by `tests/onnx/check.py`; the
//! Python that runs both is set up under target/ when it is not there yet.

use std::process::Command;

use dcac_tests::trainer::trainer_ok;
use tempfile::TempDir;
use xtask::{paths, python};

/// Runs a script of `tests/onnx/` in a folder; returns what it said, and whether it succeeded.
fn script(at: &TempDir, line: &str) -> (bool, String) {
    let python = python::for_onnx().expect("a Python with ONNX Runtime");
    let mut words = line.split(' ');
    let script = words.next().expect("a script");
    let output = Command::new(python)
        .current_dir(at.path())
        .arg(paths::root().join("tests/onnx").join(script))
        .args(words)
        .output()
        .expect("a Python that starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

fn ok(at: &TempDir, line: &str) {
    let (succeeded, said) = script(at, line);
    assert!(succeeded, "{line}: {said}");
    print!("{said}");
}

fn run(at: &TempDir, line: &str) {
    trainer_ok(at.path(), line.split(' ')).expect(line);
}

/// Embeddings of a model that sees mirror images too.
fn compare_flipped(at: &TempDir) {
    run(at, "export --model model --out both --flip");
    run(
        at,
        "extract --model both --images crops --out both.safetensors",
    );
    run(at, "export --model both --out both-onnx --format onnx");
    ok(
        at,
        "check.py both-onnx/model.onnx crops both.safetensors 1e-5",
    );
    let plain = "check.py both-onnx/model.onnx crops expected.safetensors 1e-3";
    let (succeeded, said) = script(at, plain);
    assert!(!succeeded && said.contains("difference <= bound"), "{said}");
}

/// A folder with a model of random weights, its crops and the trainer's embeddings of them.
fn prepare(size: &str) -> TempDir {
    let at = tempfile::tempdir().expect("a folder");
    ok(&at, &format!("model.py . {size}"));
    run(
        &at,
        "extract --model model --images crops --out expected.safetensors",
    );
    at
}

/// Embeddings of the ONNX file in both number formats. Rounding the weights to f16 alone
/// moves them by 3e-4; their root mean square is 0.09 in the tiny model and 0.04 in the
/// other, of which 1e-2 would be too much to be rounding.
fn compare(at: &TempDir) {
    for (dtype, bound) in [("f32", "1e-5"), ("f16", "2e-3")] {
        run(
            at,
            &format!("export --model model --out {dtype} --format onnx --dtype {dtype}"),
        );
        let check = "check.py DTYPE/model.onnx crops expected.safetensors BOUND";
        ok(at, &check.replace("DTYPE", dtype).replace("BOUND", bound));
    }
}

#[test]
fn a_tiny_encoder_in_onnx_runtime() {
    let at = prepare("tiny");
    compare(&at);
    let (succeeded, said) = script(
        &at,
        "check.py f16/model.onnx crops expected.safetensors 1e-6",
    );
    assert!(!succeeded && said.contains("difference <= bound"), "{said}");
}

#[test]
fn convolutions_before_the_patches_in_onnx_runtime() {
    compare(&prepare("stem"));
    let bands = prepare("bands");
    compare(&bands);
    compare_flipped(&bands);
}

#[test]
fn clip_vit_b_16_in_onnx_runtime() {
    compare(&prepare("vit-b-16"));
}
