//! Chromium and its driver, for the browser test.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// The browser's programs.
pub struct Browser {
    /// Chromium or Chrome.
    pub chromium: PathBuf,
    /// WebDriver server of the same version.
    pub chromedriver: PathBuf,
}

/// The installed browser, if there is one.
pub fn find() -> Option<Browser> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    Some(Browser {
        chromium: names.iter().find_map(|name| which::which(name).ok())?,
        chromedriver: which::which("chromedriver").ok()?,
    })
}

/// The installed browser, or Debian's packages installed now.
pub fn ensure() -> Result<Browser> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    let packages = PACKAGES.join(" ");
    if which::which("apt-get").is_err() || !is_root() {
        bail!(
            "the browser test needs chromium and chromedriver on PATH; \
             on Debian: sudo apt-get install --no-install-recommends {packages}"
        );
    }
    process::run(Command::new("apt-get").args(["-q", "update"]))?;
    process::run(
        Command::new("apt-get")
            .args(["-q", "install", "-y", "--no-install-recommends"])
            .args(PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    match find() {
        Some(browser) => Ok(browser),
        None => bail!("installed {packages}, yet chromium or chromedriver is not on PATH"),
    }
}

/// Whether system packages can be installed.
pub fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
