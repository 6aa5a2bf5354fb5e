//! Every check and test, in one order, with one summary.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{self, KeptError};
use crate::program::Size;
use crate::steps::Elapsed;
use crate::toolchain::{self, Source, Toolchain};
use crate::{browser, files, paths, python, site, tools, trainer};

/// All of the workspace, always: a smaller selection would give the dependencies other
/// features, and compile them once more.
const WORKSPACE: [&str; 2] = ["--release", "--workspace"];

struct Outcome {
    name: &'static str,
    result: Result<Vec<String>, KeptError>,
    time: Duration,
}

/// Runs everything; an error if anything failed.
pub fn run(source: Source) -> Result<()> {
    let started = Instant::now();
    let mut outcomes = Vec::new();
    let mut step = |name: &'static str, run: &mut dyn FnMut() -> Result<Vec<String>, KeptError>| {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = run();
        if let Err(failed) = &result {
            println!("{name}: {:#}", failed.error);
        }
        let passed = result.is_ok();
        outcomes.push(Outcome {
            name,
            result,
            time: started.elapsed(),
        });
        passed
    };

    let mut toolchain: Option<Toolchain> = None;
    step("format", &mut || {
        check(process::cargo().args(["fmt", "--all", "--check"]))
    });
    step("set up", &mut || {
        let found = plain(toolchain::ensure(source))?;
        toolchain = Some(found);
        plain(browser::ensure())?;
        plain(tools::axe())?;
        plain(python::for_onnx())?;
        Ok(Vec::new())
    });
    step("clippy", &mut || {
        let mut cargo = process::cargo();
        cargo.arg("clippy").args(WORKSPACE).arg("--all-targets");
        check(cargo.args(["--", "-D", "warnings"]))
    });
    // What a machine without a GPU can tell of the trainer's other devices.
    step("clippy of GPU builds", &mut || {
        let mut cargo = process::cargo();
        cargo.arg("clippy").args(WORKSPACE);
        cargo.args(["--features", "trainer/cuda,trainer/wgpu"]);
        check(cargo.args(["--", "-D", "warnings"]))
    });
    step("documentation", &mut || {
        let mut cargo = process::cargo();
        cargo.arg("doc").args(WORKSPACE).arg("--no-deps");
        check(cargo.env("RUSTDOCFLAGS", "-D warnings"))
    });
    step("build the trainer", &mut || {
        plain(trainer::build("")).map(|()| Vec::new())
    });
    step("tests", &mut || check(&mut tests()));
    step("documentation tests", &mut || {
        check(process::cargo().arg("test").args(WORKSPACE).arg("--doc"))
    });
    if let Some(toolchain) = &toolchain {
        step("clippy of the site", &mut || {
            check(site::cargo(toolchain, "clippy").args(["--", "-D", "warnings"]))
        });
        let mut sizes = Vec::new();
        let built = step("build the site", &mut || {
            sizes = plain(site::build(toolchain, &paths::dist()))?;
            Ok(Vec::new())
        });
        if built {
            step("size of its programs", &mut || {
                plain(sizes.iter().try_for_each(Size::check))?;
                Ok(sizes.iter().map(Size::to_string).collect())
            });
            step("browser tests", &mut || {
                let mut cargo = process::cargo();
                cargo.args(["test", "--no-fail-fast"]).args(WORKSPACE);
                for test in plain(browser_tests())? {
                    cargo.args(["--test", &test]);
                }
                // One browser at a time: WebGPU in software takes every core.
                check(cargo.args(["--", "--ignored", "--nocapture", "--test-threads=1"]))
            });
        }
    }
    report(&outcomes, started.elapsed())
}

/// All tests but those of the browser, which are marked as ignored.
fn tests() -> Command {
    let mut cargo = process::cargo();
    if which::which("cargo-nextest").is_ok() {
        cargo.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        cargo.args(["test", "--all-targets", "--no-fail-fast"]);
    }
    cargo.args(WORKSPACE);
    cargo
}

/// Names of the tests that need a browser: `tests/tests/browser*.rs`.
fn browser_tests() -> Result<Vec<String>> {
    let names = files::entries(&paths::root().join("tests/tests"))?;
    let names = names.iter().filter_map(|path| {
        let name = files::name(path);
        let name = name.strip_suffix(".rs")?;
        name.starts_with("browser").then(|| name.to_string())
    });
    Ok(names.collect())
}

/// Runs a command and keeps the lines in which test runners sum up, and what failed tests say.
fn check(command: &mut Command) -> Result<Vec<String>, KeptError> {
    process::run_keeping(command, |line| {
        line.trim_start().starts_with("Summary [")
            || line.starts_with("test result: ")
            || line.starts_with("Error: ")
    })
}

fn plain<T>(result: Result<T>) -> Result<T, KeptError> {
    result.map_err(|error| KeptError {
        error,
        kept: Vec::new(),
    })
}

fn report(outcomes: &[Outcome], time: Duration) -> Result<()> {
    println!("\n=== summary");
    let mut failed = Vec::new();
    for outcome in outcomes {
        let (word, lines) = match &outcome.result {
            Ok(lines) => ("ok", lines),
            Err(error) => {
                failed.push(outcome.name);
                ("FAILED", &error.kept)
            }
        };
        println!("{word:<7} {:<22} {}", outcome.name, Elapsed(outcome.time));
        for line in lines {
            println!("          {line}");
        }
    }
    println!("        {:<22} {}", "all", Elapsed(time));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
