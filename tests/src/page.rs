//! The page as a visitor uses it, by the ids it promises.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use thirtyfour::{By, WebDriver};

use crate::devtools;
use crate::trainer::Hit;

/// How long a ranking may take; the software WebGPU adapter is slow.
const LIMIT: Duration = Duration::from_secs(300);

/// Whether there is an answer with all its tiles, which come frame by frame.
pub const RANKED: &str = "const list = document.querySelector('#results');
    return list?.dataset.state === 'done' && list.ariaBusy === 'false'";

/// The site, open in a browser.
pub struct Page {
    driver: WebDriver,
}

impl Page {
    /// Opens the page and waits until it can be used. `query` is a query string like `?model=a`.
    pub async fn open(driver: &WebDriver, url: &str, query: &str) -> Result<Self> {
        driver.goto(format!("{url}{query}")).await?;
        let page = Self {
            driver: driver.clone(),
        };
        page.ready().await?;
        Ok(page)
    }

    /// Reloads the page and waits until it can be used.
    pub async fn reload(&self) -> Result<()> {
        self.driver.refresh().await?;
        self.ready().await
    }

    async fn ready(&self) -> Result<()> {
        self.wait_for("return document.querySelector('#query-input') !== null")
            .await
    }

    /// Clicks on what a selector finds, once it is there and can be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.wait_for(&format!(
            "const found = document.querySelector('{selector}');
            if (!found || found.disabled) return false; found.click(); return true"
        ))
        .await
    }

    /// Opens the panel with all models.
    pub async fn open_models(&self) -> Result<()> {
        self.click("#engine").await?;
        self.wait_for("return document.querySelector('#models').open")
            .await
    }

    /// Waits for a text in the element that a selector names.
    pub async fn says(&self, selector: &str, text: &str) -> Result<()> {
        let text = serde_json::to_string(text)?;
        self.wait_for(&format!(
            "return (document.querySelector('{selector}')?.textContent ?? '').includes({text})"
        ))
        .await
    }

    /// Gives the page a query and a gallery and ranks them.
    pub async fn rank(&self, query: &Path, gallery: &[PathBuf]) -> Result<Vec<Hit>> {
        self.upload("query-input", std::slice::from_ref(&query.to_path_buf()))
            .await?;
        self.upload("gallery-input", gallery).await?;
        self.wait_for("return !document.querySelector('#run').disabled")
            .await?;
        // As a visitor: nothing may lie above it.
        self.driver.find(By::Id("run")).await?.click().await?;
        self.ranked().await
    }

    /// The ranking on the page, once it is there.
    pub async fn ranked(&self) -> Result<Vec<Hit>> {
        // What asked for it may have been a moment ago: the answer before is still there then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.wait_for(RANKED).await?;
        self.results().await
    }

    /// The ranking on the page.
    pub async fn results(&self) -> Result<Vec<Hit>> {
        let script = "return [...document.querySelectorAll('#results .result')]
            .map(item => [item.dataset.name, item.dataset.score])";
        let shown: Vec<(String, String)> = self.driver.execute(script, vec![]).await?.convert()?;
        shown
            .into_iter()
            .map(|(name, score)| {
                let score: f64 = score.parse().with_context(|| format!("{name}: {score}"))?;
                ensure!(score.is_finite(), "{name} has the score {score}");
                Ok(Hit { name, score })
            })
            .collect()
    }

    /// The probability of every hit and all that stands on its tile.
    pub async fn probabilities(&self) -> Result<Vec<(f64, String)>> {
        let script = "return [...document.querySelectorAll('#results .result')]
            .map(item => [Number(item.dataset.probability), item.textContent])";
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }

    /// The text of the element with an id.
    pub async fn text(&self, id: &str) -> Result<String> {
        let script = format!("return document.querySelector('#{id}')?.textContent ?? ''");
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }

    /// Addresses of everything that the page has loaded.
    pub async fn loaded(&self) -> Result<Vec<String>> {
        let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }

    /// Waits for a script to return true; the page's own error ends the waiting.
    pub async fn wait_for(&self, script: &str) -> Result<()> {
        let end = Instant::now() + LIMIT;
        let failed = "return document.querySelector('#results')?.dataset.state === 'error'";
        while !self.holds(script).await? {
            if self.holds(failed).await? {
                bail!("the page says: {}", self.text("error").await?);
            }
            if Instant::now() > end {
                bail!(
                    "after {} s still not: {script}; status: {}; error: {}",
                    LIMIT.as_secs(),
                    self.text("status").await?,
                    self.text("error").await?
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Gives the page a screen of a size in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        devtools::screen(&self.driver, width, height).await
    }

    /// What a script returns.
    pub async fn value<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }

    /// Chooses files, by the id of the input.
    pub async fn upload(&self, id: &str, files: &[PathBuf]) -> Result<()> {
        let paths: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        // A file input takes several files as lines.
        self.driver
            .find(By::Id(id))
            .await?
            .send_keys(paths.join("\n"))
            .await?;
        Ok(())
    }

    async fn holds(&self, script: &str) -> Result<bool> {
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }
}
