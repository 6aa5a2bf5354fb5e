//! The site's page of measurements, as a visitor works it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use thirtyfour::WebDriver;

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
