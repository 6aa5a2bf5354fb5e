//! The built site's page of measurements.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use anyhow::{Context, Result, ensure};
use dcac_tests::benchmark::Benchmark;
use dcac_tests::browser::with_browser;
use dcac_tests::served::Served;

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn every_engine_is_measured() -> Result<()> {
    let served = Served::start()?;
    with_browser(async |driver| {
        let page = Benchmark::open(&driver, &served.site.url(), true).await?;
        page.measure("f16", "8", "3").await?;
        let rows = page.rows().await?;
        let engines: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        // This browser has all of them.
        let all = ["CPU, SIMD", "CPU, SIMD with fused multiply-add", "WebGPU"];
        ensure!(engines == all, "{engines:?}");
        for row in &rows {
            let time: f64 = (row[3].parse()).with_context(|| format!("{row:?}"))?;
            ensure!(time > 0.0, "{row:?}");
        }
        let peer = page.text("peer").await?;
        ensure!(peer.contains("not beside this page"), "it says: {peer}");
        Ok(())
    })
    .await
}
