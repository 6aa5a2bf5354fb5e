//! What a training run leaves behind.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use dcac_tests::trainer::{Trained, last_checkpoint, trainer, trainer_ok};
use safetensors::SafeTensors;
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

/// Trains the small model once more with other settings.
fn train_again(at: &Trained, out: &str, settings: &[&str]) {
    let config = paths::root().join("tests/fixtures/small.toml");
    let line = [
        "train",
        "--data",
        "market1501=data",
        "--out",
        out,
        "--config",
    ];
    let line = line.map(OsStr::new).into_iter().chain([config.as_os_str()]);
    let settings = settings
        .iter()
        .flat_map(|set| ["--set", set].map(OsStr::new));
    trainer_ok(&at.path(""), line.chain(settings)).expect(out);
}

#[test]
fn the_same_seed_trains_the_same_model_and_another_does_not() {
    let at = Trained::make().expect("a small model");
    train_again(&at, "again", &[]);
    train_again(&at, "other", &["seed=5"]);
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
    train_again(&at, "base", &["diffusion.enabled=false"]);
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
    let train = |precision: &str| {
        let (out, precision) = (format!("in-{precision}"), format!("precision={precision}"));
        let settings = [
            "diffusion.fine_tune=lora",
            "optim.base_lr=1e-4",
            "loss.temperature=0.1",
        ];
        train_again(&at, &out, &[&settings[..], &[&precision]].concat());
        losses(&at.path(&out))
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

/// The tensors of a run that are trained, or those that are not.
fn tensors(run: &Path, frozen: bool) -> BTreeMap<String, Vec<u8>> {
    let file = if frozen {
        run.join("checkpoints/frozen.safetensors")
    } else {
        let folder = last_checkpoint(run).expect("a checkpoint");
        folder.join("model.safetensors")
    };
    let bytes = fs::read(file).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    (tensors.iter())
        .map(|(name, tensor)| (name.to_string(), tensor.data().to_vec()))
        .collect()
}

#[test]
fn recomputing_changes_no_loss() {
    let at = Trained::make().expect("a small model");
    train_again(&at, "again", &["optim.recompute=true"]);
    assert_eq!(losses(&at.path("run")), losses(&at.path("again")));
}

#[test]
fn clipping_holds_a_step_down() {
    let at = Trained::make().expect("a small model");
    train_again(&at, "clipped", &["optim.clip_norm=0.5"]);
    let log = fs::read_to_string(at.path("clipped/metrics.jsonl")).expect("metrics.jsonl");
    for line in log.lines() {
        let step: Value = serde_json::from_str(line).expect("a JSON object");
        assert!(step["gradient_norm"].as_f64().expect("a norm") > 0.5);
    }
    let (free, clipped) = (losses(&at.path("run")), losses(&at.path("clipped")));
    assert_eq!(free[0], clipped[0]);
    assert_ne!(free.last(), clipped.last());
}

#[test]
fn the_encoder_learns_at_its_share_of_the_rate() {
    let at = Trained::make().expect("a small model");
    train_again(&at, "held", &["optim.encoder_lr_factor=0"]);
    train_again(&at, "still", &["optim.base_lr=0"]);
    let [held, still, free] = ["held", "still", "run"].map(|run| tensors(&at.path(run), false));
    assert!(held.keys().any(|name| name.starts_with("encoder.vit.")));
    for (name, numbers) in &held {
        if name.starts_with("encoder.vit.") {
            assert_eq!(numbers, &still[name], "{name}");
        }
    }
    let name = "classifier.fc.weight";
    assert!(held[name] != still[name] && held[name] != free[name]);
    assert_eq!(losses(&at.path("held"))[0], losses(&at.path("run"))[0]);
}

#[test]
fn frozen_blocks_stay_as_they_began() {
    let at = Trained::make().expect("a small model");
    train_again(&at, "frozen", &["encoder.frozen_blocks=[0,2]"]);
    let frozen = tensors(&at.path("frozen"), true);
    let trained = tensors(&at.path("frozen"), false);
    let in_block = |tensors: &BTreeMap<String, Vec<u8>>, block: usize| {
        let prefix = format!("encoder.vit.blocks.{block}.");
        tensors
            .keys()
            .filter(|name| name.starts_with(&prefix))
            .count()
    };
    for (block, is_frozen) in [(0, true), (1, false), (2, true)] {
        assert_eq!(in_block(&frozen, block) > 0, is_frozen, "block {block}");
        assert_eq!(in_block(&trained, block) == 0, is_frozen, "block {block}");
    }
    let names: Vec<_> = trained
        .keys()
        .filter(|name| name.contains(".norm1."))
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| name.starts_with("encoder."))
            .count(),
        2
    );
}

#[test]
fn a_run_begins_with_another_runs_weights() {
    let at = Trained::make().expect("a small model");
    let of_encoder = |run: &str| {
        let mut all = tensors(&at.path(run), false);
        all.extend(tensors(&at.path(run), true));
        // The neck's statistics move even at rate 0.
        all.retain(|name, _| name.starts_with("encoder.") && !name.contains("running_"));
        all
    };
    let unet = |run: &str| {
        let mut all = tensors(&at.path(run), false);
        all.retain(|name, _| name.starts_with("guidance.unet."));
        all
    };
    // From scratch, the U-Net would begin with random weights.
    let still = [
        "optim.base_lr=0",
        "optim.epochs=1",
        "diffusion.fine_tune=full",
    ];
    for (out, start) in [
        ("of-run", "weights.start=run"),
        ("of-model", "weights.start=f32"),
    ] {
        train_again(&at, out, &[&still[..], &[start, "seed=9"]].concat());
        assert!(of_encoder(out) == of_encoder("run"), "{start}");
    }
    assert!(unet("of-run") == unet("run"));
    assert!(
        unet("of-model") != unet("run"),
        "an exported model has no U-Net"
    );
    let baseline = ["diffusion.enabled=false", "weights.start=run"];
    train_again(&at, "base", &[&still[..], &baseline].concat());
    assert!(of_encoder("base") == of_encoder("run"));
}

#[test]
fn parts_of_a_batch_add_up_to_it() {
    let at = Trained::make().expect("a small model");
    // A rate at which rounding stays rounding.
    let gentle = ["optim.base_lr=1e-4", "loss.temperature=0.1"];
    train_again(&at, "whole", &gentle);
    for parts in ["optim.accumulate=3", "optim.accumulate=16"] {
        train_again(&at, parts, &[&gentle[..], &[parts]].concat());
        let (whole, found) = (losses(&at.path("whole")), losses(&at.path(parts)));
        assert_eq!(whole.len(), found.len());
        for (whole, found) in whole.iter().flatten().zip(found.iter().flatten()) {
            assert!(
                (whole - found).abs() < 1e-4 * whole,
                "{parts}: {found} for {whole}"
            );
        }
    }
}

#[test]
fn a_camera_embedding_is_trained_and_left_behind() {
    let at = Trained::make().expect("a small model");
    let config = paths::root().join("tests/fixtures/small.toml");
    let line = "train --data market1501=data --out none --set encoder.cameras=99 --config";
    let line = line.split(' ').map(OsStr::new).chain([config.as_os_str()]);
    let output = trainer(&at.path(""), line).expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    let (_, right) = errors
        .split_once("set encoder.cameras=")
        .expect("what to do");
    let right = format!("encoder.cameras={}", right.trim());
    train_again(&at, "seen", &[&right]);
    train_again(&at, "still", &[&right, "optim.base_lr=0", "optim.epochs=1"]);
    assert_ne!(losses(&at.path("run"))[0], losses(&at.path("seen"))[0]);
    let cameras = |run: &str| tensors(&at.path(run), false)["cameras"].clone();
    assert_ne!(cameras("seen"), cameras("still"), "it is trained");
    trainer_ok(
        &at.path(""),
        ["export", "--run", "seen", "--out", "seen-model"],
    )
    .expect("a model");
    let evaluate = "evaluate --model seen-model --data market1501=data";
    trainer_ok(&at.path(""), evaluate.split(' ')).expect("inference without cameras");
}
