//! `wasm-opt`, which makes the site's program smaller.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{files, paths, process};

const BINARYEN: &str = "binaryen@132.0.0";

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
    if let Ok(found) = which::which("wasm-opt") {
        return Ok(Some(found));
    }
    let folder = paths::target().join("tools");
    let program = folder.join("node_modules/.bin/wasm-opt");
    if program.exists() {
        return Ok(Some(program));
    }
    let Ok(npm) = which::which("npm") else {
        return Ok(None);
    };
    files::create(&folder)?;
    let install = process::run(
        Command::new(npm)
            .args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(&folder)
            .arg(BINARYEN),
    );
    if let Err(error) = install {
        println!("{error:#}");
    }
    Ok(program.exists().then_some(program))
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

/// Optimises `input` into `output`.
pub fn optimise(wasm_opt: &Path, input: &Path, output: &Path) -> Result<()> {
    process::run(
        Command::new(wasm_opt)
            .arg("-O2")
            .args(FEATURES)
            .arg(input)
            .arg("-o")
            .arg(output),
    )
}
