//! Models on the built site: choosing, comparing, folders of the visitor's, and devices that cannot
//! hold a model or lose their GPU.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::served::{Served, TOLERANCE, agree};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, Trained, damage, rank_evened};
use serde_json::{Value, json};
use thirtyfour::WebDriver;
use thirtyfour::extensions::cdp::ChromeDevTools;
use xtask::{files, paths};

async fn query_string(driver: &WebDriver) -> Result<String> {
    Ok(driver
        .execute("return location.search", vec![])
        .await?
        .convert()?)
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_model_is_chosen_in_the_panel_and_named_in_the_address() -> Result<()> {
    let Served { trained, site } = Served::start()?;
    let (query, gallery) = trained.drawn()?;
    let native = rank_evened(&trained.path("f32"), &query, &gallery)?;
    let list = site.folder().join("models/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&list)?)?;
    let entry = index["models"][1].as_object_mut().context("no model")?;
    let told = json!({
        "dtype": "f32", "input": { "height": 96, "width": 48 }, "method": "DCAC",
        "sources": ["plaza", "park"], "images": 960, "identities": 80,
        "metrics": [{ "set": "mall", "rank1": 0.25, "map": 0.2 }],
    });
    entry.extend(told.as_object().cloned().unwrap_or_default());
    fs::write(&list, serde_json::to_vec(&index)?)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        page.open_models().await?;
        page.says("[data-model=\"f16\"]", "In use").await?;
        let told = page.text("models").await?;
        for words in [
            "0.8 MB",
            "1.6 MB · f32 · looks at 48 × 96 pixels",
            "DCAC · trained on plaza, park · 960 pictures of 80 people",
            "mall25.0\u{a0}%20.0\u{a0}%",
            "of memory",
            "pictures a second",
        ] {
            ensure!(told.contains(words), "no `{words}` in `{told}`");
        }
        page.click("[data-model=\"f32\"] .use").await?;
        page.says("[data-model=\"f32\"]", "In use").await?;
        agree(&page.ranked().await?, &native)?;
        let address = query_string(&driver).await?;
        ensure!(
            address == "?backend=cpu&model=f32",
            "the address: {address}"
        );
        page.reload().await?;
        page.open_models().await?;
        page.says("[data-model=\"f32\"]", "In use").await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn mirror_images_count_and_embeddings_without_them_are_not_taken_for_theirs() -> Result<()> {
    let trained = Trained::make()?;
    trained.run("export --model f16 --out both --dtype f16 --flip");
    let (query, gallery) = trained.drawn()?;
    let (plain, both) = (trained.path("f16"), trained.path("both"));
    let site = Site::serve(&[("plain", &plain), ("both", &both)], &[])?;
    let (of_plain, of_both) = (
        rank_evened(&plain, &query, &gallery)?,
        rank_evened(&both, &query, &gallery)?,
    );
    ensure!(agree(&of_plain, &of_both).is_err(), "they answer alike");
    for backend in ["cpu", "webgpu"] {
        with_browser(async |driver| {
            let choice = format!("?backend={backend}&model=plain");
            let page = Page::open(&driver, &site.url(), &choice).await?;
            agree(&page.rank(&query, &gallery).await?, &of_plain)?;
            page.open_models().await?;
            page.click("[data-model=\"both\"] .use").await?;
            page.says("[data-model=\"both\"]", "In use").await?;
            agree(&page.ranked().await?, &of_both)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn two_models_answer_beside_each_other() -> Result<()> {
    let trained = Trained::make()?;
    let (query, mut gallery) = trained.drawn()?;
    // No more than the page shows at first.
    gallery.truncate(20);
    // Another answer than the first model's: an encoder that was not trained.
    let start =
        "train --data market1501=data --set optim.base_lr=0 --set seed=7 --out other --config";
    let config = paths::root().join("tests/fixtures/small.toml");
    trained.run(&format!("{start} {}", config.display()));
    trained.run("export --run other --out other-model --dtype f16");
    let (first, other) = (trained.path("f16"), trained.path("other-model"));
    let site = Site::serve(&[("first", &first), ("other", &other)], &[])?;
    let native = rank_evened(&trained.path("other-model"), &query, &gallery)?;
    let native_first = rank_evened(&trained.path("f16"), &query, &gallery)?;
    let found_beside = |count| {
        format!("return document.querySelectorAll('#beside-results .result').length === {count}")
    };
    let screens = paths::target().join("screenshots");
    fs::create_dir_all(&screens)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=first").await?;
        let hits = page.rank(&query, &gallery).await?;
        agree(&hits, &native_first)?;
        page.open_models().await?;
        page.click("[data-model=\"other\"] .compare").await?;
        page.click("#models .heading .button").await?;
        page.wait_for(&found_beside(20)).await?;
        let script = "return [...document.querySelectorAll('#beside-results .result')]
            .map(item => [item.dataset.name, Number(item.dataset.score)])";
        let shown: Vec<(String, f64)> = driver.execute(script, vec![]).await?.convert()?;
        let beside: Vec<Hit> = shown
            .into_iter()
            .map(|(name, score)| Hit { name, score })
            .collect();
        for (hit, expected) in beside.iter().zip(&native) {
            let off = (hit.score - expected.score).abs();
            ensure!(off < TOLERANCE, "{}: {off} off", hit.name);
        }

        // What both have among the first ten, on both sides.
        let ten = |hits: &[Hit]| -> Vec<String> {
            hits.iter().take(10).map(|hit| hit.name.clone()).collect()
        };
        let mut both = ten(&hits);
        both.retain(|name| ten(&beside).contains(name));
        both.sort();
        println!("{} of the first ten with both", both.len());
        for list in ["#results", "#beside-results"] {
            let script = format!(
                "return [...document.querySelectorAll('{list} .both')]
                    .map(item => item.dataset.name).sort()"
            );
            let marked: Vec<String> = driver.execute(script, vec![]).await?.convert()?;
            ensure!(marked == both, "{list}: {marked:?} for {both:?}");
        }
        let agreement = page.text("agreement").await?;
        let words = format!("{} of the first 10", both.len());
        ensure!(agreement.contains(&words), "no `{words}` in `{agreement}`");
        page.wait_for("return document.querySelector('#beside-measures') !== null")
            .await?;
        let address = query_string(&driver).await?;
        ensure!(address.contains("beside=other"), "the address: {address}");
        for (name, width, height) in [("phone", 390, 844), ("desktop", 1280, 900)] {
            page.resize(width, height).await?;
            page.wait_for("return document.documentElement.scrollWidth <= window.innerWidth")
                .await?;
            driver
                .screenshot(&screens.join(format!("{name}-beside.png")))
                .await?;
        }

        // A picture of the second answer becomes the query of both.
        let name = beside[3].name.clone();
        page.click("#beside-results .result:nth-child(4) button")
            .await?;
        page.says(".query .name", &name).await?;
        page.wait_for(&found_beside(19)).await?;
        ensure!(
            page.ranked().await?.len() == 19,
            "the first answer has not changed"
        );
        page.click("#compare-no-more").await?;
        page.wait_for("return document.querySelector('.beside') === null")
            .await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn an_exported_folder_can_be_opened() -> Result<()> {
    let trained = Trained::make()?;
    let (query, gallery) = trained.drawn()?;
    let f16 = trained.path("f16");
    let site = Site::serve(&[("f16", &f16)], &[])?;
    let native = rank_evened(&trained.path("f32"), &query, &gallery)?;
    let broken = trained.path("broken");
    files::copy_folder(&trained.path("f32"), &broken)?;
    let incomplete = trained.path("incomplete");
    files::copy_folder(&broken, &incomplete)?;
    fs::remove_file(incomplete.join("config.json"))?;
    // Of the right length, and wrong.
    damage(&broken.join("model.safetensors"))?;
    let foreign = trained.path("foreign");
    fs::create_dir(&foreign)?;
    for name in ["model.safetensors", "config.json", "manifest.json"] {
        fs::write(foreign.join(name), "{ \"hidden_size\": 768 }")?;
    }
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=f16").await?;
        let before = page.rank(&query, &gallery).await?;
        page.open_models().await?;
        page.says("[data-model=\"f16\"]", "In use").await?;
        for (folder, told) in [
            (
                &incomplete,
                "the folder incomplete has no config.json; choose a folder written by",
            ),
            (&foreign, "foreign/config.json is not what it should be"),
            (&broken, "broken/model.safetensors is damaged"),
        ] {
            page.upload("model-folder", std::slice::from_ref(folder))
                .await?;
            page.says("#models-problem", told).await?;
            page.says("[data-model=\"f16\"]", "In use").await?;
            agree(&page.ranked().await?, &before)?;
        }
        page.upload("model-folder", &[trained.path("f32")]).await?;
        page.says("[data-model=\"f32\"]", "In use").await?;
        page.says("[data-model=\"f32\"]", "Your folder").await?;
        agree(&page.ranked().await?, &native)?;
        let address = query_string(&driver).await?;
        ensure!(address == "?backend=cpu", "the address: {address}");
        ensure!(
            page.text("models-problem").await?.is_empty(),
            "the problem stands there still"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_model_too_large_for_the_device_gives_way_to_the_small_one() -> Result<()> {
    let trained = Trained::make()?;
    let (query, gallery) = trained.drawn()?;
    let (large, small) = (trained.path("f32"), trained.path("f16"));
    let manifest = large.join("manifest.json");
    let mut entry: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
    entry["files"]["model.safetensors"]["bytes"] = json!(40_000_000_000_u64);
    fs::write(&manifest, serde_json::to_vec(&entry)?)?;
    let site = Site::serve(&[("a-large", &large), ("small", &small)], &[])?;
    let native = rank_evened(&trained.path("f16"), &query, &gallery)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu").await?;
        agree(&page.rank(&query, &gallery).await?, &native)?;
        page.says(".banner .notice", "has not enough memory for that model")
            .await?;
        page.open_models().await?;
        page.says("[data-model=\"small\"]", "In use").await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_cpu_goes_on_where_the_gpu_is_lost() -> Result<()> {
    let Served { trained, site } = Served::start()?;
    let (query, gallery) = trained.drawn()?;
    let native = rank_evened(&trained.path("f16"), &query, &gallery)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=webgpu&model=f16").await?;
        page.says("#engine", "WebGPU").await?;
        page.upload("query-input", std::slice::from_ref(&query))
            .await?;
        page.upload("gallery-input", &gallery).await?;
        page.click("#run").await?;
        // Some pictures are done and the others are not.
        page.wait_for(
            "return /Comparing: [1-9]/.test(document.querySelector('#status').textContent)",
        )
        .await?;
        ChromeDevTools::new(driver.handle.clone())
            .execute_cdp("Browser.crashGpuProcess")
            .await?;
        agree(&page.ranked().await?, &native)?;
        page.says("#engine", "CPU").await?;
        page.says(".banner .notice", "the CPU computes instead")
            .await
    })
    .await
}
