//! A Rust compiler for the browser: rustup's where it can be had, Debian's elsewhere.

mod debian;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::process;

/// The compiler's name for browsers.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How long `rustup target add` may take; closed networks often swallow connections.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Where the compiler for the site comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// What is installed, else rustup, else Debian's packages
    Auto,
    /// The Rust in use, with rustup's target added
    Rustup,
    /// Debian's rustc-web, unpacked under target/ with a standard library built there
    Debian,
}

/// A compiler that can build the site.
pub struct Toolchain {
    cargo: Command,
    description: String,
}

impl Toolchain {
    /// `cargo` with everything set for `--target wasm32-unknown-unknown`, in the root.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(self.cargo.get_program());
        for (name, value) in self.cargo.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(crate::paths::root());
        command
    }

    /// For people.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn installed() -> Self {
        Self {
            cargo: process::cargo(),
            description: format!("the Rust in use, with its {TARGET} target"),
        }
    }

    fn private(vars: Vec<(&'static str, OsString)>, cargo: PathBuf, description: String) -> Self {
        let mut command = Command::new(cargo);
        command.envs(vars);
        // Set by the cargo and rustup that started this program; they name the other toolchain.
        for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME"] {
            command.env_remove(name);
        }
        Self {
            cargo: command,
            description,
        }
    }
}

/// Finds the compiler, or installs it.
pub fn ensure(source: Source) -> Result<Toolchain> {
    match source {
        Source::Debian => debian::ensure(),
        Source::Rustup => rustup(),
        Source::Auto if has_target()? => Ok(Toolchain::installed()),
        Source::Auto => match debian::find() {
            Some(toolchain) => Ok(toolchain),
            None => rustup().or_else(|rustup| {
                println!("{rustup:#}; trying Debian's packages instead");
                debian::ensure().with_context(|| {
                    format!("no compiler for {TARGET}: {rustup:#}, and Debian's packages failed")
                })
            }),
        },
    }
}

fn rustup() -> Result<Toolchain> {
    if !has_target()? {
        process::run_within(
            Command::new("rustup").args(["target", "add", TARGET]),
            RUSTUP_LIMIT,
        )?;
        if !has_target()? {
            bail!("rustup added {TARGET}, yet this rustc cannot use it; is rustc rustup's own?");
        }
    }
    Ok(Toolchain::installed())
}

/// Whether the Rust in use has the target's standard library.
fn has_target() -> Result<bool> {
    let folder = process::output(Command::new("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]))?;
    let core = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libcore-");
    Ok(fs::read_dir(folder.trim())
        .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(core))))
}
