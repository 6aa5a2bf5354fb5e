//! The site: compiled, bound to JavaScript, optimised and put together in `dist/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::toolchain::{TARGET, Toolchain};
use crate::{assets, files, page, paths, process, tools};

const PACKAGE: &str = "dcac-web";
const PROFILE: &str = "release";

/// Builds the site into `dist`, replacing what is there.
pub fn build(toolchain: &Toolchain, dist: &Path) -> Result<()> {
    process::run(&mut cargo(toolchain, "build"))?;
    let bound = bind()?;
    let program = bound.join(format!("{PACKAGE}_bg.wasm"));
    assemble(&bound, dist)?;
    assets::add(dist)?;
    let bytes = fs::metadata(&program).map_or(0, |file| file.len());
    println!("{} (program: {:.1} MB)", dist.display(), bytes as f64 / 1e6);
    Ok(())
}

/// A cargo command on the site's crate for browsers, with the flags all of them share.
pub fn cargo(toolchain: &Toolchain, subcommand: &str) -> std::process::Command {
    let mut command = toolchain.cargo();
    command
        .args([subcommand, "--release", "--target", TARGET])
        .args(["--package", PACKAGE])
        // They would replace the flags that .cargo/config.toml gives this target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Runs wasm-bindgen on the compiled program and returns the folder of its output.
fn bind() -> Result<PathBuf> {
    let folder = paths::target().join("site").join("bound");
    files::remove(&folder)?;
    files::create(&folder)?;
    for name in [
        "dcac-web",
        "dcac-search",
        "dcac-cpu",
        "dcac-cpu-relaxed",
        "dcac-gpu",
    ] {
        let program = paths::target()
            .join(TARGET)
            .join(PROFILE)
            .join(format!("{name}.wasm"));
        Bindgen::new()
            .input_path(&program)
            .out_name(name)
            .web(true)?
            .typescript(false)
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate(&folder)
            .with_context(|| format!("wasm-bindgen cannot process {}", program.display()))?;
    }
    Ok(folder)
}

/// Optimises the program in place; the last result is kept, because it takes long.
fn optimise(wasm_opt: &Path, program: &Path) -> Result<()> {
    let folder = paths::target().join("site");
    let (input, output) = (
        folder.join("last-input.wasm"),
        folder.join("last-output.wasm"),
    );
    let same = matches!((fs::read(&input), fs::read(program)), (Ok(old), Ok(new)) if old == new);
    if !same || !output.exists() {
        let draft = folder.join("draft.wasm");
        tools::optimise(wasm_opt, program, &draft)?;
        files::copy(program, &input)?;
        fs::rename(&draft, &output)
            .with_context(|| format!("cannot write {}", output.display()))?;
    }
    files::copy(&output, program)
}

fn assemble(bound: &Path, dist: &Path) -> Result<()> {
    files::remove(dist)?;
    files::copy_folder(bound, dist)?;
    let web = paths::root().join("web");
    let source = web.join("index.html");
    let html =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let page = page::render(&html)?;
    for asset in &page.assets {
        let (from, to) = (web.join(&asset.source), dist.join(&asset.target));
        if asset.folder {
            // What the site may ship, it need not.
            files::copy_folder(&from, &to)?;
        } else {
            files::copy(&from, &to)?;
        }
    }
    files::write(&dist.join("index.html"), &page.html)
}
