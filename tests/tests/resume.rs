//! A run that was stopped goes on as if it had not been.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use dcac_tests::place::Place;
use dcac_tests::trainer::{last_checkpoint, trainer, trainer_ok};
use rand::{Rng, SeedableRng};
use serde_json::Value;
use xtask::paths;

/// More steps than a kill after a second or two leaves time for.
const LENGTH: &str = "--set optim.epochs=10 --set checkpoint.every_steps=2 --set optim.clip_norm=5";

fn begin(place: &Place, run: &str) -> Command {
    place.train(&format!("--out {run} {LENGTH}"))
}

fn resume(place: &Place, run: &str) -> Command {
    let mut command = Command::new(paths::trainer());
    (command.current_dir(place.path(""))).args(["train", "--resume", run]);
    command
}

/// A run that nothing stops.
fn whole(place: &Place) -> PathBuf {
    let output = begin(place, "whole").output().expect("a run");
    assert!(output.status.success(), "{}", errors(&output));
    place.path("whole")
}

fn quietly(command: &mut Command) -> Child {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("a process")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every line of a run's log, speeds left out.
fn log(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics.jsonl");
    let line = |line: &str| {
        let mut step: Value = serde_json::from_str(line).expect("a JSON object");
        step.as_object_mut()
            .expect("an object")
            .remove("images_per_second");
        step
    };
    text.lines().map(line).collect()
}

fn assert_equal(run: &Path, whole: &Path) {
    assert_eq!(log(run), log(whole));
    let file = |run: &Path, name: &str| {
        let folder = last_checkpoint(run).expect("a checkpoint");
        fs::read(folder.join(name)).expect("a file")
    };
    for name in ["model.safetensors", "resume.safetensors"] {
        assert!(file(run, name) == file(whole, name), "{name} differs");
    }
    let figures = |run: &Path| fs::read(run.join("evaluation.json")).expect("figures");
    assert_eq!(figures(run), figures(whole));
}

#[test]
fn killed_at_random_moments_it_goes_on_bit_for_bit() {
    let place = Place::with_data().expect("drawn people");
    let whole = whole(&place);
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    println!("seed {seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let run = place.path("run");
    for _ in 0..6 {
        let begun = run.join("run.json").is_file();
        let mut command = if begun {
            resume(&place, "run")
        } else {
            begin(&place, "run")
        };
        let mut child = quietly(&mut command);
        std::thread::sleep(Duration::from_millis(rng.random_range(100..1500)));
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }
    let begun = run.join("run.json").is_file();
    let mut command = if begun {
        resume(&place, "run")
    } else {
        begin(&place, "run")
    };
    let output = command.output().expect("a run");
    assert!(output.status.success(), "{}", errors(&output));
    assert_equal(&run, &whole);
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_step_and_saves() {
    let place = Place::with_data().expect("drawn people");
    let whole = whole(&place);
    let mut command = begin(&place, "run");
    // Without this, only the signal saves within an epoch.
    command.args([
        "--set",
        "checkpoint.every_steps=0",
        "--set",
        "checkpoint.every=10",
    ]);
    let mut child = quietly(&mut command);
    let run = place.path("run");
    while !run.join("metrics.jsonl").is_file() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-INT", &id])
        .status()
        .expect("a signal");
    assert!(sent.success());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let state = last_checkpoint(&run)
        .expect("a checkpoint")
        .join("state.json");
    let state: Value = serde_json::from_slice(&fs::read(state).expect("a file")).expect("JSON");
    let step = state["step"].as_u64().expect("a step");
    assert_eq!(log(&run).len() as u64, step, "saved after its last step");
    assert!(step < log(&whole).len() as u64, "stopped before its end");
    let output = resume(&place, "run").output().expect("a run");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(log(&run), log(&whole));
}

#[test]
fn a_broken_or_foreign_checkpoint_is_refused_by_name() {
    let place = Place::with_data().expect("drawn people");
    let whole = whole(&place);
    fs::remove_file(whole.join("evaluation.json")).expect("not finished any more");
    let last = last_checkpoint(&whole).expect("a checkpoint");
    let refused = |file: &Path, change: &dyn Fn(&Path), said: &str| {
        let before = fs::read(file).expect("a file");
        change(file);
        let output = resume(&place, "whole").output().expect("a run");
        fs::write(file, before).expect("as before");
        let errors = errors(&output);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}: {errors}",
            file.display()
        );
        assert!(errors.contains(said), "{said} is not in {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    };
    let cut = |file: &Path| {
        let bytes = fs::read(file).expect("a file");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("half of it");
    };
    let saved = "is not what was saved";
    let [model, moments, state] = ["model.safetensors", "resume.safetensors", "state.json"];
    refused(&last.join(model), &cut, saved);
    refused(&last.join(moments), &cut, saved);
    refused(
        &last.join(state),
        &cut,
        "state.json is not a checkpoint's state",
    );
    let frozen = whole.join("checkpoints/frozen.safetensors");
    refused(&frozen, &cut, "frozen.safetensors is cut short");
    // The checkpoint of another model.
    let output = begin(&place, "base")
        .args([
            "--set",
            "diffusion.enabled=false",
            "--set",
            "optim.epochs=1",
        ])
        .output();
    assert!(output.expect("a baseline").status.success());
    let other = last_checkpoint(&place.path("base")).expect("a checkpoint");
    let foreign = |name: &'static str| {
        let other = other.join(name);
        move |file: &Path| {
            fs::copy(&other, file).expect("a copy");
        }
    };
    refused(&last.join(model), &foreign(model), saved);
    refused(&last.join(moments), &foreign(moments), saved);
    refused(&last.join(state), &foreign(state), "another configuration");
    // Other data.
    let image = fs::read_dir(place.path("data/bounding_box_train"))
        .expect("images")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .next()
        .expect("an image");
    let gone = |file: &Path| fs::remove_file(file).expect("removed");
    refused(&image, &gone, "the training images are not those");
    // Nothing of this has harmed it.
    trainer_ok(&place.path(""), ["train", "--resume", "whole"]).expect("the end of the run");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let place = Place::with_data().expect("drawn people");
    let whole = whole(&place);
    let mut child = quietly(&mut begin(&place, "run"));
    while last_checkpoint(&place.path("run")).is_err() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let before = last_checkpoint(&place.path("run")).expect("a checkpoint");
    // No file may grow over 1 MB: writing more fails as it does on a full disk.
    let line = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" train --resume run";
    let output = Command::new("bash")
        .current_dir(place.path(""))
        .arg("-c")
        .arg(line)
        .arg(paths::trainer())
        .output()
        .expect("a run");
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for said in [
        "cannot save the run",
        "model.safetensors",
        "train --resume run",
    ] {
        assert!(errors.contains(said), "{said} is not in {errors}");
    }
    assert_eq!(
        last_checkpoint(&place.path("run")).expect("a checkpoint"),
        before
    );
    trainer_ok(&place.path(""), ["train", "--resume", "run"]).expect("space again");
    assert_equal(&place.path("run"), &whole);
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_names_the_batch() {
    let place = Place::with_data().expect("drawn people");
    let output = begin(&place, "run")
        .args([
            "--set",
            "optim.base_lr=1e30",
            "--set",
            "optim.clip_norm=1e30",
        ])
        .output()
        .expect("a run");
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("bad-batch.json"), "{errors}");
    let bad = fs::read(place.path("run/bad-batch.json")).expect("the batch");
    let bad: Value = serde_json::from_slice(&bad).expect("JSON");
    let images = bad["images"].as_array().expect("images");
    assert_eq!(images.len(), 16);
    for image in images {
        let file = image["file"].as_str().expect("a file");
        assert!(place.path(file).is_file(), "{file}");
    }
}

#[test]
fn the_best_checkpoint_is_kept() {
    let place = Place::with_data().expect("drawn people");
    let output = begin(&place, "run")
        .args(["--set", "evaluation.every=1", "--set", "checkpoint.keep=1"])
        .args(["--set", "checkpoint.every_steps=0"])
        .output()
        .expect("a run");
    assert!(output.status.success(), "{}", errors(&output));
    let lines = fs::read_to_string(place.path("run/evaluations.jsonl")).expect("evaluations");
    let lines: Vec<Value> = (lines.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 10, "one an epoch");
    let map = |line: &Value| line["reports"][0]["map"].as_f64().expect("mAP");
    let top = lines.iter().map(map).fold(0.0, f64::max);
    for (which, expected) in [("best", top), ("last", map(&lines[9]))] {
        let export = [
            "export",
            "--run",
            "run",
            "--checkpoint",
            which,
            "--out",
            which,
        ];
        trainer_ok(&place.path(""), export).expect("an export");
        let evaluate = [
            "evaluate",
            "--data",
            "market1501=data",
            "--json",
            "figures.json",
        ];
        trainer_ok(
            &place.path(""),
            evaluate.into_iter().chain(["--model", which]),
        )
        .expect("figures");
        let figures = fs::read(place.path("figures.json")).expect("figures");
        let figures: Value = serde_json::from_slice(&figures).expect("JSON");
        assert_eq!(figures["map"].as_f64(), Some(expected), "{which}");
    }
    let missing = [
        "export",
        "--run",
        "run",
        "--checkpoint",
        "step-1",
        "--out",
        "none",
    ];
    let output = trainer(&place.path(""), missing).expect("an error");
    assert!(errors(&output).contains("no checkpoint of step 1"));
}
