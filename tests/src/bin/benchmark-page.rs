//! Works the site's page of measurements in a headless browser, prints its table and how long the
//! main page pauses:
//! `benchmark-page URL ROUNDS SOFTWARE_GPU MODEL...`.

use anyhow::{Context, Result};
use dcac_tests::benchmark::{Benchmark, longest_pause};
use dcac_tests::browser::with_browser;

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
        match longest_pause(&driver, &url, PICTURES).await? {
            0.0 => println!("{PICTURES} pictures added and ranked: no pause of 50 ms or more"),
            pause => println!("{PICTURES} pictures added and ranked: longest pause {pause:.0} ms"),
        }
        Ok(())
    })
    .await
}
