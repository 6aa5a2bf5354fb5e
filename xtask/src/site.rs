//! The site: compiled, and put together in `dist/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::page::{self, Page};
use crate::program::Size;
use crate::toolchain::{TARGET, Toolchain};
use crate::{assets, files, paths, process, program, tools};

/// The page with its search, and the encoders.
const PACKAGES: [&str; 2] = ["dcac-web", "dcac-encoder"];

/// Builds the site into `dist`, replacing what is there, and says how large its programs are.
pub fn build(toolchain: &Toolchain, dist: &Path) -> Result<Vec<Size>> {
    let source = source().join("index.html");
    let html =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let page = page::render(&html)?;
    let mut build = cargo(toolchain, "build");
    for program in &page.programs {
        build.args(["--bin", &program.name]);
    }
    process::run(&mut build)?;
    let wasm_opt = tools::wasm_opt()?;
    if wasm_opt.is_none() {
        tools::report_wasm_opt(None);
    }
    let bound = paths::target().join("site").join("bound");
    files::remove(&bound)?;
    files::create(&bound)?;
    for program in &page.programs {
        program::bind(program, wasm_opt.as_deref(), &bound)?;
    }
    assemble(&page, &bound, dist)?;
    assets::add(dist)?;
    println!("{}", dist.display());
    let sizes = page.programs.iter();
    let sizes = sizes.map(|program| Size::of(program, &bound));
    let sizes = sizes.collect::<Result<Vec<_>>>()?;
    for size in &sizes {
        println!("  {size}");
    }
    Ok(sizes)
}

/// A cargo command on the site's crates for browsers, with the flags all of them share.
pub fn cargo(toolchain: &Toolchain, subcommand: &str) -> Command {
    let mut command = toolchain.cargo();
    command
        .args([subcommand, "--release", "--target", TARGET])
        .args(PACKAGES.map(|package| format!("--package={package}")))
        // They would replace the flags that .cargo/config.toml gives this target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Where the page's own files lie.
fn source() -> PathBuf {
    paths::root().join("web")
}

fn assemble(page: &Page, bound: &Path, dist: &Path) -> Result<()> {
    files::remove(dist)?;
    files::copy_folder(bound, dist)?;
    for asset in &page.assets {
        let (from, to) = (source().join(&asset.source), dist.join(&asset.target));
        if asset.folder {
            // What the site may ship, it need not.
            files::copy_folder(&from, &to)?;
        } else {
            files::copy(&from, &to)?;
        }
    }
    files::write(&dist.join("index.html"), &page.html)
}
