//! The built site in a browser: bringing pictures, and rankings against `trainer rank` on the
//! same crops and model.
//!
//! Ignored unless asked for: they need a built site, chromium and chromedriver, which
//! `cargo xtask test` provides.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::data_sets::real_crops;
use dcac_tests::page::Page;
use dcac_tests::served::{Served, agree};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Trained, pictures, rank_evened};
use serde_json::json;
use thirtyfour::extensions::cdp::ChromeDevTools;
use xtask::paths;

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn cpu_ranks_like_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    served.compare("cpu", "f16", &query, &gallery).await?;
    served.compare("cpu", "f32", &query, &gallery).await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn webgpu_ranks_like_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    served.compare("webgpu", "f16", &query, &gallery).await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn real_crops_rank_like_the_trainer() -> Result<()> {
    let Some(data) = real_crops() else {
        return Ok(());
    };
    let served = Served::start()?;
    // The driver takes no path with `..` in it.
    let data = data.canonicalize()?;
    let gallery = data.join("bounding_box_test");
    for query in pictures(&data.join("query"), 30, 2)? {
        served
            .compare("cpu", "f16", &query, &pictures(&gallery, 7, 64)?)
            .await?;
        served
            .compare("webgpu", "f16", &query, &pictures(&gallery, 25, 18)?)
            .await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_broken_file_is_named_and_the_rest_is_ranked() -> Result<()> {
    let served = Served::start()?;
    let (query, mut gallery) = served.trained.drawn()?;
    gallery.truncate(6);
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("0001_c1s1_broken.jpg");
    fs::write(&broken, "no picture")?;
    let native = rank_evened(&served.trained.path("f16"), &query, &gallery)?;
    gallery.insert(2, broken);
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        agree(&page.rank(&query, &gallery).await?, &native)?;
        let text = page.text("app").await?;
        ensure!(
            text.contains("0001_c1s1_broken.jpg"),
            "the page does not name the broken file"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_page_fits_phones_and_desktops() -> Result<()> {
    let served = Served::start()?;
    let folder = paths::target().join("screenshots");
    fs::create_dir_all(&folder)?;
    let (query, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        for (name, width, height) in [("phone", 390, 844), ("desktop", 1280, 900)] {
            let page = Page::open(&driver, &served.site.url(), "?backend=cpu").await?;
            page.resize(width, height).await?;
            for state in ["open", "ranked"] {
                if state == "ranked" {
                    page.rank(&query, &gallery).await?;
                }
                driver
                    .screenshot(&folder.join(format!("{name}-{state}.png")))
                    .await?;
                let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
                page.wait_for(fits)
                    .await
                    .with_context(|| format!("{name}, {state}: too wide"))?;
            }
        }
        println!("screenshots in {}", folder.display());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_page_opens_with_an_answer() -> Result<()> {
    let trained = Trained::make()?;
    let samples = pictures(&trained.path("data/bounding_box_test"), 3, 12)?;
    let site = Site::serve(&[("f16", &trained.path("f16"))], &samples)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu").await?;
        let hits = page.ranked().await?;
        ensure!(hits.len() == samples.len() - 1, "{} hits", hits.len());
        let said = page.text("introduction").await?;
        ensure!(said.contains("in your browser"), "it says: {said}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn folders_can_be_dropped() -> Result<()> {
    let served = Served::start()?;
    let (_, gallery) = served.trained.drawn()?;
    let folder = tempfile::tempdir()?;
    let inner = folder.path().join("crops/inside");
    fs::create_dir_all(&inner)?;
    // More than a browser hands out at a time.
    for (number, path) in gallery.iter().cycle().take(120).enumerate() {
        fs::copy(path, inner.join(format!("{number:03}.jpg")))?;
    }
    fs::copy(&gallery[0], folder.path().join("crops/outside.jpg"))?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let tools = ChromeDevTools::new(driver.handle.clone());
        let drop = async |x: f64, y: f64, path: PathBuf| -> Result<()> {
            for kind in ["dragEnter", "dragOver", "drop"] {
                let event = json!({
                    "type": kind, "x": x, "y": y,
                    "data": { "items": [], "files": [&path], "dragOperationsMask": 1 },
                });
                (tools.execute_cdp_with_params("Input.dispatchDragEvent", event)).await?;
            }
            Ok(())
        };
        // The gallery grows and shrinks while the page opens; its heading stays near its top.
        let place: (f64, f64) = driver
            .execute(
                "const box = document.querySelector('.gallery .heading').getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2]",
                vec![],
            )
            .await?
            .convert()?;
        drop(place.0, place.1, folder.path().join("crops")).await?;
        page.wait_for("return document.querySelectorAll('#results .tile').length === 121")
            .await?;
        // Beside all regions the page takes a picture too, where the browser would open it.
        drop(2.0, 2.0, gallery[0].clone()).await?;
        page.wait_for("return document.querySelectorAll('#results .tile').length === 122")
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn pictures_can_be_pasted() -> Result<()> {
    let served = Served::start()?;
    let (_, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let script = "const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(arguments[0])], 'pasted.jpg'));
            window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))";
        driver
            .execute(script, vec![json!(fs::read(&gallery[0])?)])
            .await?;
        page.wait_for(
            "return document.querySelector('#results .tile')?.textContent === 'pasted.jpg'",
        )
        .await?;
        Ok(())
    })
    .await
}
