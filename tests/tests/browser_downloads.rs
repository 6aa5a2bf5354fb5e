//! Models' weights on their way to the built site: downloads that break off, are kept, and come
//! damaged.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;

use anyhow::{Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::host::Host;
use dcac_tests::page::Page;
use dcac_tests::served::agree;
use dcac_tests::site::Site;
use dcac_tests::trainer::{Trained, damage, rank_evened};
use thirtyfour::WebDriver;

/// Bytes of a kept part of a download.
const PART: usize = 1 << 20;

/// A host of the site with a model that is larger than a part.
fn host(trained: &Trained) -> Result<(Site, Host)> {
    let site = Site::serve(&[("large", &trained.path("f32"))], &[])?;
    let host = Host::start(site.folder())?;
    Ok((site, host))
}

/// Number of weights' parts that the browser keeps.
async fn kept(driver: &WebDriver) -> Result<usize> {
    let script = "const done = arguments[0];
        caches.open('model-weights').then(c => c.keys()).then(keys => done(keys.length))";
    Ok(driver.execute_async(script, vec![]).await?.convert()?)
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_broken_download_goes_on_and_is_kept() -> Result<()> {
    let trained = Trained::make()?;
    let (query, gallery) = trained.drawn()?;
    let (_site, host) = host(&trained)?;
    let native = rank_evened(&trained.path("f32"), &query, &gallery)?;
    // In the second part.
    host.end_weights_at(Some(PART + PART / 4));
    with_browser(async |driver| {
        let page = Page::open(&driver, &host.url(), "?backend=cpu").await?;
        page.says("#error", "are here and are kept: reload the page to go on")
            .await?;
        let asked = host.asked_for_weights();
        println!("while it breaks: {asked:?}");
        ensure!(asked[0].is_none(), "it began in the middle");
        ensure!(
            asked[1..].iter().all(Option::is_some),
            "it began anew: {asked:?}"
        );
        ensure!(kept(&driver).await? == 1, "not one part is kept");
        page.open_models().await?;
        page.says("[data-model=\"large\"]", "goes on where it broke off")
            .await?;

        host.end_weights_at(None);
        page.reload().await?;
        agree(&page.rank(&query, &gallery).await?, &native)?;
        let asked = host.asked_for_weights();
        ensure!(asked == [Some(PART)], "after the reload: {asked:?}");

        page.reload().await?;
        agree(&page.rank(&query, &gallery).await?, &native)?;
        let asked = host.asked_for_weights();
        ensure!(asked.is_empty(), "on the second visit: {asked:?}");
        page.open_models().await?;
        page.says("[data-model=\"large\"]", "Kept in this browser")
            .await?;
        page.says("#usage", "MB on this device").await?;

        page.click(".remove").await?;
        page.wait_for("return document.querySelector('.remove') === null")
            .await?;
        ensure!(kept(&driver).await? == 0, "parts are still there");
        page.reload().await?;
        page.rank(&query, &gallery).await?;
        ensure!(
            host.asked_for_weights() == [None],
            "it is not downloaded again"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn damaged_weights_are_named_and_forgotten() -> Result<()> {
    let trained = Trained::make()?;
    let (query, gallery) = trained.drawn()?;
    let (site, host) = host(&trained)?;
    let weights = site.folder().join("models/large/model.safetensors");
    let whole = fs::read(&weights)?;
    damage(&weights)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &host.url(), "?backend=cpu").await?;
        page.says("#error", "large/model.safetensors is damaged")
            .await?;
        ensure!(kept(&driver).await? == 0, "damaged parts are kept");
        fs::write(&weights, &whole)?;
        page.reload().await?;
        page.rank(&query, &gallery).await?;
        Ok(())
    })
    .await
}
