//! Works the site's page of measurements in a headless browser, prints its table and how long the
//! main page pauses:
//! `benchmark-page URL ROUNDS SOFTWARE_GPU MODEL...`.

use anyhow::{Context, Result};
use dcac_tests::benchmark::Benchmark;
use dcac_tests::browser::with_browser;
use dcac_tests::pauses;

/// Pictures that the page is given.
const PICTURES: usize = 2000;

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
        println!("Longest pause of the page with {PICTURES} pictures:");
        for (step, pause) in pauses::longest(&driver, &url, PICTURES).await? {
            match pause {
                0.0 => println!("  {step}: below 50 ms"),
                pause => println!("  {step}: {pause:.0} ms"),
            }
        }
        Ok(())
    })
    .await
}
