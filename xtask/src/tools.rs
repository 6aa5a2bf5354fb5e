//! Programs from npm: `wasm-opt`, which makes the site's programs smaller, and axe-core, which
//! finds what keeps people with disabilities from using the page.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{files, paths, process};

const BINARYEN: &str = "binaryen@132.0.0";
const AXE: &str = "axe-core@4.14.1";
const ONNX_RUNTIME: &str = "onnxruntime-web@1.30.0";
/// What is done to a program unless it asks for something else.
const USUAL: &str = "-O2";

/// Features that the compiler uses and every browser of these years has.
const FEATURES: [&str; 7] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
];

/// `wasm-opt` from PATH, from an earlier call, or from npm; none where npm is missing or fails.
pub fn wasm_opt() -> Result<Option<PathBuf>> {
    match which::which("wasm-opt") {
        Ok(found) => Ok(Some(found)),
        Err(_) => from_npm(BINARYEN, ".bin/wasm-opt"),
    }
}

/// The script of axe-core, from an earlier call or from npm.
pub fn axe() -> Result<PathBuf> {
    let script = from_npm(AXE, "axe-core/axe.min.js")?;
    script.with_context(|| format!("the browser tests need {AXE}; install npm, which fetches it"))
}

/// The folder of onnxruntime-web's scripts and programs, from an earlier call or from npm.
pub fn onnx_runtime() -> Result<PathBuf> {
    let folder = from_npm(ONNX_RUNTIME, "onnxruntime-web/dist")?;
    folder.with_context(|| {
        format!("the comparison needs {ONNX_RUNTIME}; install npm, which fetches it")
    })
}

/// A file or folder below `node_modules`, from an earlier call or from npm.
fn from_npm(package: &str, file: &str) -> Result<Option<PathBuf>> {
    let folder = paths::target().join("tools");
    let path = folder.join("node_modules").join(file);
    if path.exists() {
        return Ok(Some(path));
    }
    let Ok(npm) = which::which("npm") else {
        return Ok(None);
    };
    files::create(&folder)?;
    let install = process::run(
        Command::new(npm)
            .args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(&folder)
            .arg(package),
    );
    if let Err(error) = install {
        println!("{error:#}");
    }
    Ok(path.exists().then_some(path))
}

/// Says what [`wasm_opt`] found.
pub fn report_wasm_opt(found: Option<PathBuf>) {
    match found {
        Some(path) => println!("wasm-opt: {}", path.display()),
        None => println!(
            "wasm-opt: none; install npm or binaryen for a smaller download (the site works without)"
        ),
    }
}

/// Optimises `input` into `output`. No options mean the usual ones.
pub fn optimise(wasm_opt: &Path, options: &[String], input: &Path, output: &Path) -> Result<()> {
    let mut command = Command::new(wasm_opt);
    match options {
        [] => command.arg(USUAL),
        options => command.args(options),
    };
    process::run(command.args(FEATURES).arg(input).arg("-o").arg(output))
}
