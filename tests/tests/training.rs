//! What a training run leaves behind.

use std::fs;
use std::path::Path;

use dcac_tests::trainer::{Trained, last_checkpoint, trainer_ok};
use serde_json::Value;
use xtask::paths;

/// The losses of a run's steps, speeds left out.
fn losses(run: &Path) -> Vec<[f64; 4]> {
    let log = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics.jsonl");
    let number = |step: &Value, key: &str| step[key].as_f64().expect("a number");
    log.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a JSON object"))
        .map(|step| ["loss", "loss_id", "loss_pcl", "loss_dif"].map(|key| number(&step, key)))
        .collect()
}

#[test]
fn the_same_seed_trains_the_same_model_and_another_does_not() {
    let at = Trained::make().expect("a small model");
    let config = paths::root().join("tests/fixtures/small.toml");
    let train = |out: &str, seed: &str| {
        let line = format!("train --data market1501=data --set seed={seed} --out {out} --config");
        let line = line.split(' ').map(std::ffi::OsStr::new);
        trainer_ok(&at.path(""), line.chain([config.as_os_str()])).expect("a second run");
    };
    train("again", "1234");
    train("other", "5");
    let first = losses(&at.path("run"));
    assert!(first.len() > 4);
    for [total, id, pcl, dif] in &first {
        // Equation 13 with lambda = 1.
        assert!((total - (id + pcl + dif)).abs() < 1e-4 * total.abs());
    }
    assert_eq!(first, losses(&at.path("again")));
    assert_ne!(first, losses(&at.path("other")));
    let weights = |run: &str| {
        let folder = last_checkpoint(&at.path(run)).expect("a checkpoint");
        fs::read(folder.join("model.safetensors")).expect("weights")
    };
    assert_eq!(weights("run"), weights("again"));
}

#[test]
fn a_run_keeps_a_configuration_that_trains_it_again() {
    let at = Trained::make().expect("a small model");
    let line = "train --config run/config.toml --data market1501=data --out again";
    trainer_ok(&at.path(""), line.split(' ')).expect("a run from a resolved configuration");
    let config = |run: &str| fs::read_to_string(at.path(run).join("config.toml"));
    assert_eq!(
        config("run").expect("a file"),
        config("again").expect("a file")
    );
    assert_eq!(losses(&at.path("run")), losses(&at.path("again")));
}

#[test]
fn the_baseline_has_no_denoising_loss() {
    let at = Trained::make().expect("a small model");
    let config = paths::root().join("tests/fixtures/small.toml");
    let line = "train --data market1501=data --set diffusion.enabled=false --out base --config";
    let line = line.split(' ').map(std::ffi::OsStr::new);
    trainer_ok(&at.path(""), line.chain([config.as_os_str()])).expect("a baseline");
    let log = fs::read_to_string(at.path("base/metrics.jsonl")).expect("metrics.jsonl");
    for line in log.lines() {
        let step: Value = serde_json::from_str(line).expect("a JSON object");
        assert!(step["loss_dif"].is_null());
    }
}

/// Frozen weights in 16 bits and trained ones in 32, under LoRA.
#[test]
fn low_precision_follows_the_losses_of_f32() {
    let at = Trained::make().expect("a small model");
    let config = paths::root().join("tests/fixtures/small.toml");
    let train = |precision: &str| {
        let line = format!(
            "train --data market1501=data --set diffusion.fine_tune=lora --set optim.base_lr=1e-4 \
             --set loss.temperature=0.1 --set precision={precision} --out in-{precision} --config"
        );
        let line = line.split_whitespace().map(std::ffi::OsStr::new);
        trainer_ok(&at.path(""), line.chain([config.as_os_str()])).expect(precision);
        losses(&at.path(&format!("in-{precision}")))
    };
    let exact = train("f32");
    for precision in ["bf16", "f16"] {
        let low = train(precision);
        assert_ne!(low, exact, "{precision} is f32");
        for (low, exact) in low.iter().flatten().zip(exact.iter().flatten()) {
            assert!((low - exact).abs() < 0.02 * exact, "{low} for {exact}");
        }
    }
}
