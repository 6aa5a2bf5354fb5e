//! `trainer bench step`, `bench encode` and `bench agree` at a size that takes a second.

use std::fs;

use dcac_tests::trainer::{trainer_fails, trainer_ok};
use serde_json::Value;
use xtask::paths;

fn config() -> String {
    let config = paths::root().join("tests/fixtures/small.toml");
    config.display().to_string()
}

#[test]
fn a_step_is_timed_by_stage() {
    let at = tempfile::tempdir().expect("a folder");
    let config = config();
    let arguments = ["--config", &config, "--warmup", "0", "--steps", "3"];
    let measured = |part: &str, more: &[&str]| -> Value {
        let all = [&["bench", part, "--json", "out.json"], &arguments[..], more].concat();
        trainer_ok(at.path(), all).expect("figures");
        let text = fs::read(at.path().join("out.json")).expect("a file");
        serde_json::from_slice(&text).expect("JSON")
    };
    // Median, least and most of what took time.
    let sound = |times: &Value| {
        let times: Vec<f64> = serde_json::from_value(times.clone()).expect("three times");
        assert!(times.len() == 3 && 0.0 < times[1] && times[1] <= times[0] && times[0] <= times[2]);
        times
    };
    let step = measured("step", &["--identities", "20"]);
    let whole = sound(&step["step"]);
    let stages =
        ["encode", "losses", "backward", "optimiser"].map(|name| sound(&step["stages"][name]));
    let parts: f64 = stages.iter().map(|times| times[1]).sum();
    assert!(parts < 2.0 * whole[2], "{parts} of {whole:?}");
    assert!(
        step["product_tflops"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0)
    );
    let without = measured("step", &["--set", "diffusion.enabled=false"]);
    assert!(without["forward_tflop"].as_f64() < step["forward_tflop"].as_f64());
    assert!(without["stages"]["VAE, if not kept"].is_null());
    let encode = measured("encode", &["--batch", "3"]);
    sound(&encode["encode"]);
    // No GPU: what the process held, where the system tells.
    for figures in [&step, &encode] {
        let held = figures["peak_memory_bytes"].as_u64();
        assert!(!cfg!(target_os = "linux") || held.is_some_and(|bytes| bytes > 10_000_000));
    }
}

#[test]
fn devices_and_number_formats_are_compared() {
    let at = tempfile::tempdir().expect("a folder");
    let config = config();
    let line = ["bench", "agree", "--config", &config, "--json", "out.json"];
    let compared = |more: &[&str]| -> Value {
        trainer_ok(at.path(), [&line[..], more].concat()).expect("no difference to speak of");
        let text = fs::read(at.path().join("out.json")).expect("a file");
        serde_json::from_slice(&text).expect("JSON")
    };
    let same = compared(&["--loss-bound", "0", "--gradient-bound", "0"]);
    for part in ["U-Net", "classifier", "condition", "encoder"] {
        assert!(
            same["gradients"][part]["norm"].as_f64() > Some(0.0),
            "{part}"
        );
    }
    for format in ["bf16", "f16"] {
        let set = format!("precision={format}");
        let rounded = compared(&["--set", &set]);
        let expected = &same["losses"]["L_dif"];
        assert_eq!(
            rounded["losses"]["L_dif"][1], expected[1],
            "random numbers are the same"
        );
        assert_ne!(rounded["losses"]["L_dif"][0], expected[0], "{format}");
        let bounds = ["--loss-bound", "1e-9", "--gradient-bound", "1e-9"];
        let line = [&line[..], &["--set", &set], &bounds].concat();
        let here = format!("cpu {format} does not compute what cpu f32 does");
        trainer_fails(
            at.path(),
            line,
            &[&here, "L_pcl differs by", "the gradient of encoder."],
        );
    }
}

#[test]
fn wrong_numbers_are_refused() {
    let at = tempfile::tempdir().expect("a folder");
    let config = config();
    for (part, option, expected) in [
        ("step", "--steps=0", "--steps"),
        ("step", "--identities=1", "--identities"),
        ("encode", "--batch=0", "--batch"),
        ("agree", "--identities=1", "--identities"),
        (
            "agree",
            "--against-precision=f64",
            "choose f32, bf16 or f16",
        ),
        ("step", "--set=optim.base=1", "base"),
    ] {
        let line = ["bench", part, "--config", &config, option];
        trainer_fails(at.path(), line, &[expected]);
    }
}
