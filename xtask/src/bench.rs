//! This project's speed beside that of the usual programs, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{demo, parity, paths, process};

/// Measurements of each side; an odd number has a median.
const REPEATS: usize = 5;

/// The loader beside torchvision's transforms under PyTorch's DataLoader, in turn, on drawn
/// people in JPEG. `python` has torch and torchvision; one is set up unless given.
pub fn loader(python: Option<PathBuf>, workers: usize, seconds: f64) -> Result<()> {
    let python = match python {
        Some(python) => python,
        None => parity::environment()?,
    };
    demo::build_trainer()?;
    let data = paths::target().join("bench/plaza");
    if !data.is_dir() {
        let mut synth = Command::new(paths::trainer());
        synth.args(["synth", "--ids", "240", "--out"]);
        process::run(synth.arg(&data))?;
    }
    let (workers, seconds) = (workers.to_string(), seconds.to_string());
    let options = ["--workers", &workers, "--seconds", &seconds];
    let ours = || {
        let mut command = Command::new(paths::trainer());
        command.args(["bench", "loader", "--data"]);
        command.arg(format!("market1501={}", data.display()));
        measure(command.args(options))
    };
    let theirs = || {
        let script = paths::root().join("trainer/bench/torchvision_loader.py");
        let mut command = Command::new(&python);
        command.arg(script).arg(data.join("bounding_box_train"));
        measure(command.args(options))
    };
    let (mut found, mut peer) = (Vec::new(), Vec::new());
    println!("images per second with {workers} workers, {seconds} s each");
    println!("{:>12} {:>12}", "this loader", "torchvision");
    for _ in 0..REPEATS {
        found.push(ours()?);
        peer.push(theirs()?);
        println!(
            "{:>12.0} {:>12.0}",
            found[found.len() - 1],
            peer[peer.len() - 1]
        );
    }
    let (ours, theirs) = (median(&mut found), median(&mut peer));
    println!(
        "{ours:>12.0} {theirs:>12.0}  median\n{:>12} {:>12}  spread\nratio {:.2}",
        spread(&found),
        spread(&peer),
        ours / theirs
    );
    Ok(())
}

/// What a command prints before `images/s`.
fn measure(command: &mut Command) -> Result<f64> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    let number = said.lines().find_map(|line| line.strip_suffix(" images/s"));
    let number = number.with_context(|| format!("{program} said `{said}`"))?;
    number
        .parse()
        .with_context(|| format!("{program} said `{said}`"))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of sorted values.
fn spread(sorted: &[f64]) -> String {
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => format!("{low:.0}-{high:.0}"),
        _ => String::new(),
    }
}
