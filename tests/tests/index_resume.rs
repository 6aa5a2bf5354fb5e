//! Builds of an index that were stopped go on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dcac_tests::embeddings::{drawn, errors, fails, ok, write};
use rand::{Rng, SeedableRng};
use serde_json::Value;
use xtask::paths;

/// Rows that take a second to index, in three segments.
const ROWS: u64 = 200_000;
const WIDTH: usize = 48;

fn begin(at: &Path) -> Child {
    let line = "index --out ix --from big.safetensors --segment-rows 80000 --save-every 0";
    let mut command = Command::new(paths::trainer());
    (command.current_dir(at).args(line.split(' ')))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("a build")
}

/// A build that has saved for the first time and goes on.
fn begin_and_wait(at: &Path) -> Child {
    let mut child = begin(at);
    while !at.join("ix/index.json").is_file() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn big() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, rows) = drawn(0, ROWS, WIDTH);
    write(&folder.path().join("big.safetensors"), &names, &rows, WIDTH);
    folder
}

/// Rows that the index has, by its own word.
fn saved(at: &Path) -> u64 {
    let manifest = fs::read(at.join("ix/index.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let segments = manifest["index"]["segments"].as_array().expect("segments");
    (segments.iter().map(|segment| segment["rows"].as_u64()))
        .sum::<Option<u64>>()
        .expect("rows")
}

/// Nothing is left but what counts.
fn assert_tidy(at: &Path) {
    let names = fs::read_dir(at.join("ix")).expect("an index");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    // The manifest, the lock, the hyperplanes, and two files a segment.
    assert_eq!(names.len(), 3 + 2 * 3, "{names:?}");
}

#[test]
fn killed_at_random_moments_it_goes_on() {
    let folder = big();
    let at = folder.path();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    println!("seed {seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut before = 0;
    for _ in 0..6 {
        let mut child = begin(at);
        std::thread::sleep(Duration::from_millis(rng.random_range(20..400)));
        child.kill().expect("a kill");
        child.wait().expect("an end");
        if at.join("ix/index.json").is_file() {
            let now = saved(at);
            assert!(now >= before, "{before} rows have become {now}");
            before = now;
        }
    }
    let output = begin(at).wait_with_output().expect("a build");
    assert!(output.status.success(), "{}", errors(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("{ROWS} rows of {WIDTH}")), "{said}");
    assert!(
        said.contains(&format!("{before} unchanged")),
        "{before}: {said}"
    );
    let again = "index --out ix --from big.safetensors";
    assert!(ok(at, again).contains(&format!("0 added, 0 replaced, {ROWS} unchanged")));
    assert_tidy(at);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let folder = big();
    let at = folder.path();
    let child = begin_and_wait(at);
    let signal = ["-INT", &child.id().to_string()].map(str::to_string);
    Command::new("kill")
        .args(signal)
        .status()
        .expect("a signal");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(errors(&output).contains("the same command goes on"));
    assert!(saved(at) < ROWS);
    let output = begin(at).wait_with_output().expect("a build");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(saved(at), ROWS);
    assert_tidy(at);
}

#[test]
fn two_builders_do_not_meet() {
    let folder = big();
    let at = folder.path();
    let mut child = begin_and_wait(at);
    fails(
        at,
        "index --out ix --from big.safetensors",
        &["ix", "another program"],
    );
    assert!(child.wait().expect("an end").success());
    ok(at, "index --out ix --from big.safetensors");
}
