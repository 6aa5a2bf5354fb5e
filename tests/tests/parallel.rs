//! Replicas that train together, in one process and in several.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use dcac_tests::place::Place;
use dcac_tests::trainer::{last_checkpoint, trainer, trainer_ok};
use serde_json::Value;
use xtask::paths;

/// A temperature and a rate at which rounding does not grow to more than rounding, and a memory that
/// takes all samples: which one is the hardest may depend on the last bit.
const GENTLE: &str =
    "--set loss.temperature=0.1 --set optim.base_lr=1e-4 --set loss.memory_update=all";
/// More epochs than a test waits for.
const ENDLESS: &str = "--set optim.epochs=100000 --set checkpoint.every_steps=2";

/// Two nodes that train together, each with `options`, node 0 into `run`.
fn nodes(place: &Place, run: &str, options: &str) -> Nodes {
    let (coordinator, address) = coordinator(&place.path(""));
    let start = |node: usize, options: &str| {
        let join = format!("--coordinator {address} --nodes 2 --node {node} {options}");
        piped(&mut place.train(&join))
    };
    let first = start(0, &format!("--out {run} {options}"));
    Nodes {
        second: start(1, options),
        first,
        coordinator,
    }
}

struct Nodes {
    coordinator: Child,
    first: Child,
    second: Child,
}

fn piped(command: &mut Command) -> Child {
    let quiet = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    quiet.spawn().expect("trainer")
}

/// A coordinator of two nodes, and where it listens.
fn coordinator(folder: &Path) -> (Child, String) {
    let mut command = Command::new(paths::trainer());
    command.current_dir(folder);
    command.args("coordinate --listen 127.0.0.1:0 --nodes 2".split(' '));
    let mut child = piped(&mut command);
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let address = line.split([' ', ',']).nth(2).expect("an address");
    (child, address.to_string())
}

fn ok(output: &Output) {
    assert!(output.status.success(), "{}", errors(output));
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The losses of a run's steps.
fn losses(run: &Path) -> Vec<f64> {
    let log = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics.jsonl");
    (log.lines())
        .map(|line| serde_json::from_str::<Value>(line).expect("a JSON object"))
        .map(|step| step["loss"].as_f64().expect("a number"))
        .collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (step, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs() / expected;
        assert!(
            difference < tolerance,
            "step {step}: {found} for {expected}"
        );
    }
}

/// Waits for a checkpoint of a run that goes on.
fn wait_for_checkpoint(run: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while last_checkpoint(run).is_err() {
        assert!(Instant::now() < until, "no checkpoint");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn replicas_train_like_one_whatever_their_processes() {
    let place = Place::with_data().expect("drawn people");
    for method in ["", "--set diffusion.enabled=false"] {
        let name = |run: &str| format!("{run}-{}", method.len());
        let run = |run: &str, device: &str| {
            let out = name(run);
            let options = format!("--out {out} --device {device} {GENTLE} {method}");
            ok(&place.train(&options).output().expect("a run"));
            losses(&place.path(&out))
        };
        let one = run("one", "cpu");
        assert!(one.len() > 8);
        assert_close(&run("two", "cpu,cpu"), &one, 1e-4);
        assert_close(&run("four", "cpu,cpu,cpu,cpu"), &one, 1e-4);
        assert_eq!(
            run("two-again", "cpu,cpu"),
            losses(&place.path(&name("two")))
        );

        let options = format!("--device cpu,cpu {GENTLE} {method}");
        let nodes = nodes(&place, &name("nodes"), &options);
        for child in [nodes.first, nodes.second, nodes.coordinator] {
            ok(&child.wait_with_output().expect("an end"));
        }
        assert_close(&losses(&place.path(&name("nodes"))), &one, 1e-4);
    }
    for line in [
        "export --run two-0 --out model",
        "evaluate --model model --data market1501=data",
        "export --run nodes-0 --out nodes-model",
    ] {
        trainer_ok(&place.path(""), line.split(' ')).expect(line);
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_replicas() {
    let place = Place::with_data().expect("drawn people");
    let whole = format!("--out whole {GENTLE}");
    ok(&place.train(&whole).output().expect("a run"));
    let nodes = nodes(
        &place,
        "run",
        &format!("{GENTLE} --set checkpoint.every_steps=1"),
    );
    wait_for_checkpoint(&place.path("run"));
    let Nodes {
        coordinator,
        first,
        mut second,
    } = nodes;
    second.kill().expect("a kill");
    // The run may be over by now, which the next lines do not mind.
    for child in [first, second, coordinator] {
        child.wait_with_output().expect("an end");
    }
    let resume = "train --resume run --device cpu,cpu,cpu,cpu";
    trainer_ok(&place.path(""), resume.split(' ')).expect("the rest");
    let whole = losses(&place.path("whole"));
    assert_close(&losses(&place.path("run")), &whole, 1e-4);
}

#[test]
fn a_killed_node_ends_the_others_and_leaves_a_checkpoint() {
    let place = Place::with_data().expect("drawn people");
    let nodes = nodes(&place, "run", ENDLESS);
    wait_for_checkpoint(&place.path("run"));
    let Nodes {
        coordinator,
        first,
        mut second,
    } = nodes;
    second.kill().expect("a kill");
    let killed = Instant::now();
    let output = first.wait_with_output().expect("an end");
    assert!(killed.elapsed() < Duration::from_secs(30));
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["node 1 (127.0.0.1:", "is lost", "--resume run"] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    let output = coordinator.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("node 1 (127.0.0.1:"));
    second.wait().expect("an end");
    let export = "export --run run --out model";
    trainer_ok(&place.path(""), export.split(' ')).expect("a model of its last checkpoint");
}

#[test]
fn nodes_that_would_train_something_else_are_refused() {
    let place = Place::with_data().expect("drawn people");
    let (mut coordinator, address) = coordinator(&place.path(""));
    let join = |node: usize, options: &str| {
        place.train(&format!(
            "--coordinator {address} --nodes 2 --node {node} {options}"
        ))
    };
    let mut first = piped(&mut join(0, "--out run"));
    // Whichever comes second is refused.
    let mut second = piped(&mut join(1, "--set optim.epochs=7"));
    let until = Instant::now() + Duration::from_secs(30);
    let mut waits =
        || [&mut first, &mut second].map(|child| child.try_wait().expect("a child").is_none());
    while waits() == [true, true] {
        assert!(Instant::now() < until, "nobody is refused");
        std::thread::sleep(Duration::from_millis(50));
    }
    coordinator.kill().expect("a kill");
    coordinator.wait().expect("an end");
    let [first, second] = [first, second].map(|child| {
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(1));
        errors(&output)
    });
    let said = [first, second];
    assert!(
        said.iter().any(|said| said.contains("its optim.epochs is")),
        "{said:?}"
    );
    // The other one waits for a partner until the coordinator is gone.
    assert!(said.iter().any(|said| said.contains("is lost")), "{said:?}");
    assert!(!place.path("run").exists());
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let place = Place::with_data().expect("drawn people");
    let said = |options: &str| errors(&place.train(options).output().expect("an error"));
    let uneven = said("--out run --device cpu,cpu,cpu");
    assert!(
        uneven.contains("4 identities") && uneven.contains("3 replicas"),
        "{uneven}"
    );
    let mixed = said("--out run --device cpu,wgpu");
    assert!(mixed.contains("cpu and wgpu"), "{mixed}");
    let beyond = said("--coordinator 127.0.0.1:1 --nodes 2 --node 2");
    assert!(beyond.contains("--node is 2"), "{beyond}");
    let output = trainer(&place.path(""), ["coordinate", "--nodes", "0"]).expect("an error");
    assert!(errors(&output).contains("--nodes is 0"));
}
