//! The trainer as other commands build and run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{files, paths, process};

/// Builds the trainer. The whole workspace is named so that its dependencies get the same
/// features as in tests, and are compiled once for both. `features` are empty or named as
/// `trainer/cuda`.
pub fn build(features: &str) -> Result<()> {
    let mut command = process::cargo();
    command.args(["build", "--release", "--workspace", "--bin", "trainer"]);
    if !features.is_empty() {
        command.args(["--features", features]);
    }
    process::run(&mut command)
}

/// The trainer's feature that a device needs; none for the CPU.
pub fn feature(device: &str) -> &'static str {
    match device.split(':').next() {
        Some("cuda") => "trainer/cuda",
        Some("wgpu") => "trainer/wgpu",
        _ => "",
    }
}

/// Draws people by options of `trainer synth`, each with its value, unless `out` holds them already.
pub fn draw(options: &[&str], out: &Path) -> Result<()> {
    let about = files::read_json(&out.join("drawn.json")).unwrap_or_default();
    let said = |option: &str| match &about[option.trim_start_matches("--").replace('-', "_")] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if options.chunks(2).all(|pair| said(pair[0]) == pair[1]) {
        println!("{} is drawn already", shown(out));
        return Ok(());
    }
    files::remove(out)?;
    run(&[&["synth"], options].concat(), &[("--out", out)])
}

/// The option of `trainer evaluate`.
pub const NORMALIZED: &str = "--normalize-cameras";

/// Finds out what scores of a model mean, as they are and with cameras evened out.
pub fn calibrate(model: &Path, data: &str) -> Result<()> {
    for how in [&[][..], &[NORMALIZED]] {
        let evaluate = ["evaluate", "--calibrate", "--data", data];
        run(&[&evaluate, how].concat(), &[("--model", model)])?;
    }
    Ok(())
}

/// Runs the trainer and shows the command, so that it can be typed again.
pub fn run(arguments: &[&str], paths: &[(&str, &Path)]) -> Result<()> {
    let program = paths::trainer();
    ensure!(program.exists(), "{} is missing", program.display());
    let mut command = Command::new(program);
    command.current_dir(paths::root()).args(arguments);
    for (option, path) in paths {
        command.arg(option).arg(relative(path));
    }
    println!("$ trainer {}", process::show_arguments(&command));
    process::run(&mut command)
}

/// A path as a user types it in the project's folder.
pub fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(paths::root())
        .unwrap_or(path)
        .to_path_buf()
}

/// The same as text.
pub fn shown(path: &Path) -> String {
    relative(path).display().to_string()
}
