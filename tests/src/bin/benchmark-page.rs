//! Works the site's page of measurements in a headless browser and prints its table:
//! `benchmark-page URL ROUNDS SOFTWARE_GPU MODEL...`.

use anyhow::{Context, Result};
use dcac_tests::benchmark::Benchmark;
use dcac_tests::browser::with_browser;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().context("an argument is missing");
    let (url, rounds, software) = (word()?, word()?, word()?);
    let models: Vec<String> = words.collect();
    with_browser(async |driver| {
        let page = Benchmark::open(&driver, &url, software == "true").await?;
        for model in &models {
            for batch in ["1", "8"] {
                page.measure(model, batch, &rounds).await?;
            }
        }
        for row in page.rows().await? {
            println!("{}", row.join("  |  "));
        }
        println!("{}", page.text("state").await?);
        Ok(())
    })
    .await
}
