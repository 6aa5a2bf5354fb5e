//! Weights made by `trainer pretrain`, at a size that is made in seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dcac_tests::trainer::{last_checkpoint, trainer_fails, trainer_ok};
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;
use xtask::paths;

/// A command line in which `CONFIG` is the small configuration of the tests.
fn words(line: &str) -> Vec<String> {
    let config = paths::root().join("tests/fixtures/small.toml");
    let config = config.display().to_string();
    line.split_whitespace()
        .map(|word| word.replace("CONFIG", &config))
        .collect()
}

fn run(at: &TempDir, line: &str) {
    trainer_ok(at.path(), words(line)).expect(line);
}

/// A figure of every step.
fn figures(log: &Path, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(log.join("metrics.jsonl")).expect("metrics.jsonl");
    let figure = |line: &str| {
        let step: Value = serde_json::from_str(line).expect("a JSON object");
        step[name].as_f64().expect("a number")
    };
    text.lines().map(figure).collect()
}

/// The loss's mean over the last tenth of the steps, over that of the first.
fn fall(log: &Path) -> f64 {
    let losses = figures(log, "loss");
    let part = losses.len() / 10;
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    mean(&losses[losses.len() - part..]) / mean(&losses[..part])
}

/// The numbers of every tensor of a file, as they are stored.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    (file.iter())
        .map(|(name, tensor)| (name.to_string(), tensor.data().to_vec()))
        .collect()
}

/// Both kinds learn, and a training begins with exactly what they have written.
#[test]
fn losses_fall_and_training_begins_with_the_weights() {
    let at = tempfile::tempdir().expect("a folder");
    run(
        &at,
        "pretrain vision --config CONFIG --out vision --steps 80 --batch 16 --domain plaza --domain mall",
    );
    run(
        &at,
        "pretrain diffusion --config CONFIG --out diffusion --vae-steps 60 --steps 60 --batch 4",
    );
    assert!(fall(&at.path().join("vision/training")) < 0.97);
    assert!(fall(&at.path().join("diffusion/training/vae")) < 0.9);
    assert!(fall(&at.path().join("diffusion/training/unet")) < 0.9);
    let manifest = |folder: &str| -> Value {
        let path = at.path().join(folder).join("manifest.json");
        serde_json::from_slice(&fs::read(path).expect("a manifest")).expect("JSON")
    };
    let vision = manifest("vision");
    assert_eq!(
        vision["provenance"]["settings"]["domains"],
        serde_json::json!(["plaza", "mall"])
    );
    assert!(vision["files"]["model.safetensors"]["sha256"].is_string());
    let diffusion = manifest("diffusion");
    assert!(diffusion["files"]["unet/diffusion_pytorch_model.safetensors"].is_object());
    let domains = diffusion["provenance"]["settings"]["domains"].as_array();
    assert!(domains.is_some_and(|domains| domains.len() >= 5));

    run(&at, "synth --out data --ids 8 --images-per-id 4");
    // At rate 0 nothing moves but the neck's statistics.
    run(
        &at,
        "train --config CONFIG --data market1501=data --out run --set weights.clip=vision
         --set weights.sd=diffusion --set diffusion.fine_tune=lora --set optim.base_lr=0
         --set optim.epochs=1",
    );
    let run = at.path().join("run");
    let mut trained = tensors(&run.join("checkpoints/frozen.safetensors"));
    let last = last_checkpoint(&run).expect("a checkpoint");
    trained.extend(tensors(&last.join("model.safetensors")));
    let mut tower = tensors(&at.path().join("vision/model.safetensors"));
    tower.retain(|name, _| !name.starts_with("neck."));
    assert!(tower.len() > 40);
    for (name, numbers) in &tower {
        assert!(
            trained[&format!("encoder.vit.{name}")] == *numbers,
            "{name}"
        );
    }
    for part in ["unet", "vae"] {
        let file = format!("diffusion/{part}/diffusion_pytorch_model.safetensors");
        let mut written = tensors(&at.path().join(file));
        // The method has no use for the decoder.
        written.retain(|name, _| {
            !name.starts_with("decoder.") && !name.starts_with("post_quant_conv.")
        });
        for (name, numbers) in &written {
            let found = trained.values().any(|other| other == numbers);
            assert!(found, "{part}: {name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_resume_goes_on_bit_for_bit() {
    let at = tempfile::tempdir().expect("a folder");
    let line = |out: &str| {
        format!("pretrain vision --config CONFIG --out {out} --steps 60 --batch 8 --domain night")
    };
    run(&at, &line("whole"));
    let mut child = Command::new(paths::trainer())
        .current_dir(at.path())
        .args(words(&line("stopped")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let stopped = at.path().join("stopped");
    while !stopped.join("training/metrics.jsonl").is_file() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert!(!stopped.join("model.safetensors").exists());
    run(&at, "pretrain vision --resume stopped");
    let weights = |out: &str| tensors(&at.path().join(out).join("model.safetensors"));
    assert!(weights("stopped") == weights("whole"));
    let losses = |out: &str| figures(&at.path().join(out).join("training"), "loss");
    assert_eq!(losses("stopped"), losses("whole"));
}

#[test]
fn wrong_requests_say_what_to_do_and_leave_nothing() {
    let at = tempfile::tempdir().expect("a folder");
    fs::create_dir(at.path().join("full")).expect("a folder");
    fs::write(at.path().join("full/mine"), "keep").expect("a file");
    for (line, expected) in [
        ("vision --config CONFIG", &["--out"][..]),
        ("vision --config gone.toml --out out", &["gone.toml"]),
        ("vision --config CONFIG --out full", &["full", "not empty"]),
        (
            "vision --config CONFIG --out out --domain moon",
            &["moon", "plaza"],
        ),
        (
            "vision --config CONFIG --out out --batch 7",
            &["7 pictures", "2 people"],
        ),
        ("vision --config CONFIG --out out --rate=-1", &["--rate"]),
        (
            "diffusion --config CONFIG --out out --set diffusion.enabled=false",
            &["small.toml", "[diffusion]"],
        ),
        ("vision --resume full", &["full", "settings.json", "--out"]),
    ] {
        let line = format!("pretrain {line}");
        trainer_fails(at.path(), words(&line), expected);
        assert!(!at.path().join("out").exists(), "{line}: left out");
    }
}
