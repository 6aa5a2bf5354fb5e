//! Debian's rustc-web as a private toolchain.
//!
//! Debian ships a recent Rust (for its browsers) and that Rust's own sources, but no
//! standard library for wasm. The packages are unpacked under `target/`, never installed:
//! they would replace the system's Rust. The standard library is built once from the
//! sources and put where the compiler looks for it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{TARGET, Toolchain};
use crate::{browser, files, paths, process};

const PACKAGES: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev",
    "rust-web-src",
    "rust-web-llvm",
    "rust-web-clippy",
];

fn folder() -> PathBuf {
    paths::target().join("wasm-toolchain")
}

fn unpacked() -> PathBuf {
    folder().join("root")
}

/// Written last; names what the folder holds.
fn marker() -> PathBuf {
    folder().join("ready")
}

/// The toolchain, if an earlier call made it.
pub fn find() -> Option<Toolchain> {
    let version = fs::read_to_string(marker()).ok()?;
    toolchain(version.trim()).ok()
}

/// The toolchain, made now where it is missing.
pub fn ensure() -> Result<Toolchain> {
    if let Some(toolchain) = find() {
        return Ok(toolchain);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64"))
        || which::which("apt-get").is_err()
        || which::which("dpkg-deb").is_err()
    {
        bail!(
            "Debian's packages serve 64-bit Intel and AMD machines with Debian or a relative only; \
             here, give Rust the target: rustup target add {TARGET}"
        );
    }
    let folder = folder();
    // An earlier call may have been cut short.
    files::remove(&folder)?;
    unpack(&download()?)?;
    let made = toolchain("")?;
    build_std(&made)?;
    let version = process::output(made.cargo().arg("--version"))?;
    files::write(&marker(), &version)?;
    toolchain(version.trim())
}

/// Fetches the packages, and those of their libraries that the system lacks.
fn download() -> Result<Vec<PathBuf>> {
    let archives = folder().join("packages");
    // apt refuses a folder without its own subfolder.
    files::create(&archives.join("partial"))?;
    if browser::is_root() {
        process::run(Command::new("apt-get").args(["-q", "update"]))?;
    }
    let mut cache = OsString::from("Dir::Cache::archives=");
    cache.push(&archives);
    process::run(
        Command::new("apt-get")
            .args(["-q", "install", "-y", "--no-install-recommends"])
            // Nothing is installed, so no lock of the system's is needed.
            .args(["--download-only", "--reinstall", "-o", "Debug::NoLocking=1"])
            .arg("-o")
            .arg(cache)
            .args(PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
    .context(
        "cannot fetch Debian's rustc-web; it needs a Debian release with that package \
         and up-to-date package lists (apt-get update)",
    )?;
    files_ending(&archives, ".deb")
}

fn unpack(packages: &[PathBuf]) -> Result<()> {
    let root = unpacked();
    files::create(&root)?;
    for package in packages {
        // A C library other than the running system's would break every program started with it.
        if !files::name(package).starts_with("libc6") {
            process::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
        }
    }
    Ok(())
}

/// Builds the standard library by compiling an empty library that asks for it.
fn build_std(toolchain: &Toolchain) -> Result<()> {
    let empty = folder().join("std");
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                    [workspace]\n";
    files::write(&empty.join("Cargo.toml"), manifest)?;
    files::write(&empty.join("src/lib.rs"), "#![no_std]\n")?;
    let output = empty.join("target");
    process::run(
        toolchain
            .cargo()
            .current_dir(&empty)
            .args(["build", "--release", "--target", TARGET])
            .arg("-Zbuild-std=std,panic_abort")
            .arg("--target-dir")
            .arg(&output)
            .env("RUSTC_BOOTSTRAP", "1"),
    )
    .context("cannot build the standard library for the browser")?;
    let library = unpacked().join(format!("usr/lib/rustlib/{TARGET}/lib"));
    for built in files_ending(&output.join(TARGET).join("release/deps"), ".rlib")? {
        let name = files::name(&built);
        if !name.starts_with("libempty-") {
            files::copy(&built, &library.join(name))?;
        }
    }
    files::remove(&output)
}

fn toolchain(version: &str) -> Result<Toolchain> {
    let usr = unpacked().join("usr");
    let bin = usr.join("bin");
    let (cargo, rustc) = (bin.join("cargo"), bin.join("rustc"));
    for program in [&cargo, &rustc] {
        ensure!(
            program.exists(),
            "Debian's packages hold no {}; remove {} and try again",
            program.display(),
            folder().display()
        );
    }
    let mut path = vec![bin, linker_folder()?];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let vars = vec![
        ("RUSTC", rustc.into_os_string()),
        (
            "LD_LIBRARY_PATH",
            usr.join("lib/x86_64-linux-gnu").into_os_string(),
        ),
        (
            "PATH",
            env::join_paths(path).context("PATH cannot be extended")?,
        ),
    ];
    let description = format!("Debian's, {version}, in {}", folder().display());
    Ok(Toolchain::private(vars, cargo, description))
}

/// Debian's compiler comes without `rust-lld`; the Rust in use has it.
fn linker_folder() -> Result<PathBuf> {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib/x86_64-unknown-linux-gnu/bin");
    ensure!(
        folder.join("rust-lld").exists(),
        "the linker rust-lld is not in {}; it comes with rustup's toolchains",
        folder.display()
    );
    Ok(folder)
}

fn files_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut paths = files::entries(folder)?;
    paths.retain(|path| files::name(path).ends_with(ending));
    Ok(paths)
}
