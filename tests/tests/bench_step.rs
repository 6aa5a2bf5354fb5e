//! `trainer bench step` and `bench encode` at a size that takes a second.

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
    sound(&measured("encode", &["--batch", "3"])["encode"]);
}

#[test]
fn wrong_numbers_are_refused() {
    let at = tempfile::tempdir().expect("a folder");
    let config = config();
    for (part, option, expected) in [
        ("step", "--steps=0", "--steps"),
        ("step", "--identities=1", "--identities"),
        ("encode", "--batch=0", "--batch"),
        ("step", "--set=optim.base=1", "base"),
    ] {
        let line = ["bench", part, "--config", &config, option];
        trainer_fails(at.path(), line, &[expected]);
    }
}
