//! A headless Chromium that ends with the test.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::devtools;

/// A quiet Chromium that reaches for nothing but the page, with a software WebGPU adapter.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-webgpu",
];

/// How long scripts and page loads may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs a test in a fresh browser and ends the browser, whatever the test's result.
pub async fn with_browser<F>(test: impl FnOnce(WebDriver) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let server = DriverServer::start()?;
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(&server.chromium)?;
    for flag in FLAGS {
        capabilities.add_arg(flag)?;
    }
    let driver = WebDriver::new(&server.url, capabilities).await?;
    driver.set_script_timeout(LIMIT).await?;
    driver.set_page_load_timeout(LIMIT).await?;
    // Only tiles near the window exist, and most tests want to see all.
    devtools::screen(&driver, 1280, 6000).await?;
    let result = test(driver.clone()).await;
    let ended = driver.quit().await;
    result?;
    ended.context("the browser did not end")
}

/// A running chromedriver.
struct DriverServer {
    child: Child,
    /// The browser's profile and whatever else it leaves lying.
    _leavings: TempDir,
    chromium: String,
    url: String,
}

impl DriverServer {
    fn start() -> Result<Self> {
        let browser = xtask::browser::find()
            .context("chromium or chromedriver is missing; install them: cargo xtask setup")?;
        let leavings = tempfile::tempdir()?;
        let child = Command::new(&browser.chromedriver)
            .env("TMPDIR", leavings.path())
            // The system picks a free port.
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", browser.chromedriver.display()))?;
        let mut server = Self {
            child,
            _leavings: leavings,
            chromium: browser.chromium.display().to_string(),
            url: String::new(),
        };
        let output = server.child.stdout.take().context("chromedriver is mute")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what chromedriver says")?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                server.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(server);
            }
        }
        bail!("chromedriver ended before it named its port")
    }
}

impl Drop for DriverServer {
    /// Asks first: a chromedriver that is killed leaves its Chromium behind.
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let end = Instant::now() + Duration::from_secs(5);
        while asked.is_ok() && Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
