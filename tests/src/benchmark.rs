//! The site's page of measurements, as a visitor works it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use thirtyfour::WebDriver;

use crate::devtools;

/// How long a measurement may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// The page, open in a browser.
pub struct Benchmark {
    driver: WebDriver,
}

impl Benchmark {
    /// Opens the page of the site at `url`. An adapter in software counts as a GPU on demand.
    pub async fn open(driver: &WebDriver, url: &str, software: bool) -> Result<Self> {
        let query = if software { "?software" } else { "" };
        driver.goto(format!("{url}benchmark.html{query}")).await?;
        let page = Self {
            driver: driver.clone(),
        };
        page.reach("ready").await?;
        Ok(page)
    }

    /// Measures a model, so many pictures together.
    pub async fn measure(&self, model: &str, batch: &str, rounds: &str) -> Result<()> {
        for (id, value) in [("models", model), ("batch", batch), ("rounds", rounds)] {
            let script = "document.getElementById(arguments[0]).value = arguments[1];
                return document.getElementById(arguments[0]).value === arguments[1]";
            let values = vec![json!(id), json!(value)];
            let chosen: bool = self.driver.execute(script, values).await?.convert()?;
            ensure!(chosen, "there is no {value} among the {id}");
        }
        let click = "document.getElementById('measure').click()";
        self.driver.execute(click, vec![]).await?;
        self.reach("done").await
    }

    /// The cells of the table.
    pub async fn rows(&self) -> Result<Vec<Vec<String>>> {
        let script = "return [...document.querySelectorAll('#rows tr')]
            .map(row => [...row.cells].map(cell => cell.textContent))";
        Ok(self.driver.execute(script, vec![]).await?.convert()?)
    }

    /// The text of the element with an id.
    pub async fn text(&self, id: &str) -> Result<String> {
        let script = "return document.getElementById(arguments[0])?.textContent ?? ''";
        Ok((self.driver.execute(script, vec![json!(id)]).await?).convert()?)
    }

    async fn reach(&self, state: &str) -> Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let script = "return document.body?.dataset.state ?? ''";
            let now: String = self.driver.execute(script, vec![]).await?.convert()?;
            if now == state {
                return Ok(());
            }
            let said = self.text("state").await?;
            ensure!(now != "error", "the page says: {said}");
            ensure!(
                Instant::now() < end,
                "not {state} in time; the page says: {said}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Milliseconds of the longest pause of the main page, which answers to nothing meanwhile, while
/// so many pictures are added and ranked; tasks of 50 and more count as pauses.
pub async fn longest_pause(driver: &WebDriver, url: &str, pictures: usize) -> Result<f64> {
    // A desktop's: the tests' own is as tall as several, with as many tiles.
    devtools::screen(driver, 1280, 900).await?;
    driver.goto(format!("{url}?backend=cpu")).await?;
    let ready = "return document.querySelector('#engine.ready') !== null
        && document.querySelector('#results')?.dataset.state !== 'working'";
    wait(driver, ready).await?;
    let script = "const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 128 });
        window.pauses = [];
        new PerformanceObserver(list => window.pauses.push(...list.getEntries().map(one => one.duration)))
            .observe({ type: 'longtask' });
        canvas.toBlob(blob => {
            const files = new DataTransfer();
            for (let i = 0; i < arguments[0]; i++) {
                files.items.add(new File([blob], `${String(i % 99 + 1).padStart(4, '0')}_c${i % 6 + 1}s1_${i}.png`));
            }
            const input = document.querySelector('#gallery-input');
            input.files = files.files;
            input.dispatchEvent(new Event('change', { bubbles: true }));
        })";
    driver.execute(script, vec![json!(pictures)]).await?;
    let added =
        format!("return document.querySelector('#results li')?.ariaSetSize === '{pictures}'");
    wait(driver, &added).await?;
    // A click on anyone looks for them.
    let click = "document.querySelector('#results li button').click()";
    driver.execute(click, vec![]).await?;
    wait(
        driver,
        "return document.querySelector('#results').dataset.state === 'done'",
    )
    .await?;
    let longest = "return Math.max(0, ...window.pauses)";
    Ok(driver.execute(longest, vec![]).await?.convert()?)
}

async fn wait(driver: &WebDriver, script: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let holds: bool = driver.execute(script, vec![]).await?.convert()?;
        if holds {
            return Ok(());
        }
        ensure!(Instant::now() < end, "not in time: {script}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
