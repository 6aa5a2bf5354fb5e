//! Pythons with the packages that a comparison needs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{paths, process};

/// A Python with ONNX Runtime, for the tests of ONNX files.
pub fn for_onnx() -> Result<PathBuf> {
    environment("onnx", &paths::root().join("tests/onnx/requirements.txt"))
}

/// A Python at `target/NAME/venv` with the packages of a requirements file. They are
/// installed unless they were before, by one process at a time.
///
/// # Errors
/// No `python3`, or packages that cannot be installed.
pub fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = paths::target().join(name);
    let failed = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(&folder).with_context(failed)?;
    let lock = File::create(folder.join("venv.lock")).with_context(failed)?;
    lock.lock().with_context(failed)?;
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let wanted = fs::read(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let installed = venv.join("installed.txt");
    if python.exists() && fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    if !python.exists() {
        let system = which::which("python3");
        ensure!(
            system.is_ok(),
            "python3 is not on the PATH; install it with its venv module"
        );
        process::run(Command::new(system?).args(["-m", "venv"]).arg(&venv))?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "-r"];
    process::run(Command::new(&python).args(pip).arg(requirements))?;
    fs::write(&installed, wanted).with_context(failed)?;
    Ok(python)
}
