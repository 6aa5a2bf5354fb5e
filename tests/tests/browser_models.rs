//! Models on the built site: choosing, comparing, folders of the visitor's, downloads that break
//! off, and devices that cannot hold a model or lose their GPU.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::host::Host;
use dcac_tests::page::Page;
use dcac_tests::served::{TOLERANCE, agree};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, Trained, pictures, rank};
use serde_json::{Value, json};
use thirtyfour::WebDriver;
use thirtyfour::extensions::cdp::ChromeDevTools;
use xtask::{files, paths};

/// Bytes of a kept part of a download.
const PART: usize = 1 << 20;

/// A small model in both formats and pictures for it.
struct Models {
    trained: Trained,
    query: PathBuf,
    gallery: Vec<PathBuf>,
}

impl Models {
    fn make() -> Result<Self> {
        let trained = Trained::make()?;
        let data = trained.path("data");
        Ok(Self {
            query: pictures(&data.join("query"), 1, 1)?.remove(0),
            gallery: pictures(&data.join("bounding_box_test"), 1, 20)?,
            trained,
        })
    }

    /// The site with both.
    fn serve(&self) -> Result<Site> {
        let (f16, f32) = (self.trained.path("f16"), self.trained.path("f32"));
        Site::serve(&[("f16", &f16), ("f32", &f32)], &[])
    }

    /// A host of the site with a model that is larger than a part.
    fn host(&self) -> Result<(Site, Host)> {
        let site = Site::serve(&[("large", &self.trained.path("f32"))], &[])?;
        let host = Host::start(site.folder())?;
        Ok((site, host))
    }

    fn native(&self, model: &str) -> Result<Vec<Hit>> {
        rank(&self.trained.path(model), &self.query, &self.gallery)
    }
}

async fn click(page: &Page, selector: &str) -> Result<()> {
    // It may have to appear first.
    page.wait_for(&format!(
        "const found = document.querySelector('{selector}');
        if (!found || found.disabled) return false; found.click(); return true"
    ))
    .await
}

/// Reloads the page and waits until it can be used.
async fn reload(driver: &WebDriver) -> Result<()> {
    let address = driver.current_url().await?;
    Page::open(driver, address.as_str(), "").await?;
    Ok(())
}

async fn open_panel(page: &Page) -> Result<()> {
    click(page, "#engine").await?;
    page.wait_for("return document.querySelector('#models').open")
        .await
}

/// Waits for a text in the element that a selector names; nothing else may have ended the wait.
async fn says(page: &Page, selector: &str, text: &str) -> Result<()> {
    let text = serde_json::to_string(text)?;
    page.wait_for(&format!(
        "return (document.querySelector('{selector}')?.textContent ?? '').includes({text})"
    ))
    .await
}

async fn query_string(driver: &WebDriver) -> Result<String> {
    Ok(driver
        .execute("return location.search", vec![])
        .await?
        .convert()?)
}

/// Number of weights' parts that the browser keeps.
async fn kept(driver: &WebDriver) -> Result<usize> {
    let script = "const done = arguments[0];
        caches.open('model-weights').then(c => c.keys()).then(keys => done(keys.length))";
    Ok(driver.execute_async(script, vec![]).await?.convert()?)
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_model_is_chosen_in_the_panel_and_named_in_the_address() -> Result<()> {
    let models = Models::make()?;
    let (site, native) = (models.serve()?, models.native("f32")?);
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
        page.rank(&models.query, &models.gallery).await?;
        open_panel(&page).await?;
        says(&page, "[data-model=\"f16\"]", "In use").await?;
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
        click(&page, "[data-model=\"f32\"] .use").await?;
        says(&page, "[data-model=\"f32\"]", "In use").await?;
        agree(&page.ranked().await?, &native)?;
        let address = query_string(&driver).await?;
        ensure!(
            address == "?backend=cpu&model=f32",
            "the address: {address}"
        );
        reload(&driver).await?;
        open_panel(&page).await?;
        says(&page, "[data-model=\"f32\"]", "In use").await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn two_models_answer_beside_each_other() -> Result<()> {
    let models = Models::make()?;
    // Another answer than the first model's: an encoder that was not trained.
    let start =
        "train --data market1501=data --set optim.base_lr=0 --set seed=7 --out other --config";
    let config = paths::root().join("tests/fixtures/small.toml");
    models.trained.run(&format!("{start} {}", config.display()));
    models
        .trained
        .run("export --run other --out other-model --dtype f16");
    let (first, other) = (
        models.trained.path("f16"),
        models.trained.path("other-model"),
    );
    let site = Site::serve(&[("first", &first), ("other", &other)], &[])?;
    let native = models.native("other-model")?;
    let native_first = models.native("f16")?;
    let screens = paths::target().join("screenshots");
    fs::create_dir_all(&screens)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=first").await?;
        let hits = page.rank(&models.query, &models.gallery).await?;
        agree(&hits, &native_first)?;
        open_panel(&page).await?;
        click(&page, "[data-model=\"other\"] .compare").await?;
        click(&page, "#models .heading .button").await?;
        page.wait_for("return document.querySelectorAll('#beside-results .result').length === 20")
            .await?;
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
        let ten = |hits: &[Hit]| hits.iter().take(10).map(|h| h.name.clone()).collect::<Vec<_>>();
        let mut both = ten(&hits);
        both.retain(|name| ten(&beside).contains(name));
        both.sort();
        println!("{} of the first ten with both", both.len());
        for list in ["#results", "#beside-results"] {
            let script = format!(
                "return [...document.querySelectorAll('{list} .both')].map(item => item.dataset.name).sort()"
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
        click(&page, "#beside-results .result:nth-child(4) button").await?;
        says(&page, ".query .name", &name).await?;
        page.wait_for("return document.querySelectorAll('#beside-results .result').length === 19")
            .await?;
        ensure!(page.ranked().await?.len() == 19, "the first answer has not changed");
        click(&page, "#compare-no-more").await?;
        page.wait_for("return document.querySelector('.beside') === null")
            .await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn an_exported_folder_can_be_opened() -> Result<()> {
    let models = Models::make()?;
    let f16 = models.trained.path("f16");
    let site = Site::serve(&[("f16", &f16)], &[])?;
    let native = models.native("f32")?;
    let broken = models.trained.path("broken");
    files::copy_folder(&models.trained.path("f32"), &broken)?;
    let incomplete = models.trained.path("incomplete");
    files::copy_folder(&broken, &incomplete)?;
    fs::remove_file(incomplete.join("config.json"))?;
    // Of the right length, and wrong.
    damage(&broken.join("model.safetensors"))?;
    let foreign = models.trained.path("foreign");
    fs::create_dir(&foreign)?;
    for name in ["model.safetensors", "config.json", "manifest.json"] {
        fs::write(foreign.join(name), "{ \"hidden_size\": 768 }")?;
    }
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=f16").await?;
        let before = page.rank(&models.query, &models.gallery).await?;
        open_panel(&page).await?;
        says(&page, "[data-model=\"f16\"]", "In use").await?;
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
            says(&page, "#models-problem", told).await?;
            says(&page, "[data-model=\"f16\"]", "In use").await?;
            agree(&page.ranked().await?, &before)?;
        }
        page.upload("model-folder", &[models.trained.path("f32")])
            .await?;
        says(&page, "[data-model=\"f32\"]", "In use").await?;
        says(&page, "[data-model=\"f32\"]", "Your folder").await?;
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
async fn a_broken_download_goes_on_and_is_kept() -> Result<()> {
    let models = Models::make()?;
    let (_site, host) = models.host()?;
    let native = models.native("f32")?;
    // In the second part.
    host.end_weights_at(Some(PART + PART / 4));
    with_browser(async |driver| {
        let page = Page::open(&driver, &host.url(), "?backend=cpu").await?;
        says(
            &page,
            "#error",
            "are here and are kept: reload the page to go on",
        )
        .await?;
        let asked = host.asked_for_weights();
        println!("while it breaks: {asked:?}");
        ensure!(asked[0].is_none(), "it began in the middle");
        ensure!(
            asked[1..].iter().all(Option::is_some),
            "it began anew: {asked:?}"
        );
        ensure!(kept(&driver).await? == 1, "not one part is kept");
        open_panel(&page).await?;
        says(
            &page,
            "[data-model=\"large\"]",
            "goes on where it broke off",
        )
        .await?;

        host.end_weights_at(None);
        reload(&driver).await?;
        agree(&page.rank(&models.query, &models.gallery).await?, &native)?;
        let asked = host.asked_for_weights();
        ensure!(asked == [Some(PART)], "after the reload: {asked:?}");

        reload(&driver).await?;
        agree(&page.rank(&models.query, &models.gallery).await?, &native)?;
        let asked = host.asked_for_weights();
        ensure!(asked.is_empty(), "on the second visit: {asked:?}");
        open_panel(&page).await?;
        says(&page, "[data-model=\"large\"]", "Kept in this browser").await?;
        says(&page, "#usage", "MB on this device").await?;

        click(&page, ".remove").await?;
        page.wait_for("return document.querySelector('.remove') === null")
            .await?;
        ensure!(kept(&driver).await? == 0, "parts are still there");
        reload(&driver).await?;
        page.rank(&models.query, &models.gallery).await?;
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
    let models = Models::make()?;
    let (site, host) = models.host()?;
    let weights = site.folder().join("models/large/model.safetensors");
    let whole = fs::read(&weights)?;
    damage(&weights)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &host.url(), "?backend=cpu").await?;
        says(&page, "#error", "large/model.safetensors is damaged").await?;
        ensure!(kept(&driver).await? == 0, "damaged parts are kept");
        fs::write(&weights, &whole)?;
        reload(&driver).await?;
        page.rank(&models.query, &models.gallery).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_model_too_large_for_the_device_gives_way_to_the_small_one() -> Result<()> {
    let models = Models::make()?;
    let (large, small) = (models.trained.path("f32"), models.trained.path("f16"));
    let manifest = large.join("manifest.json");
    let mut entry: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
    entry["files"]["model.safetensors"]["bytes"] = json!(40_000_000_000_u64);
    fs::write(&manifest, serde_json::to_vec(&entry)?)?;
    let site = Site::serve(&[("a-large", &large), ("small", &small)], &[])?;
    let native = models.native("f16")?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu").await?;
        agree(&page.rank(&models.query, &models.gallery).await?, &native)?;
        says(
            &page,
            ".banner .notice",
            "has not enough memory for that model",
        )
        .await?;
        open_panel(&page).await?;
        says(&page, "[data-model=\"small\"]", "In use").await
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_cpu_goes_on_where_the_gpu_is_lost() -> Result<()> {
    let models = Models::make()?;
    let site = models.serve()?;
    let native = models.native("f16")?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=webgpu&model=f16").await?;
        says(&page, "#engine", "WebGPU").await?;
        page.upload("query-input", std::slice::from_ref(&models.query))
            .await?;
        page.upload("gallery-input", &models.gallery).await?;
        click(&page, "#run").await?;
        // Some pictures are done and the others are not.
        page.wait_for(
            "return /Comparing: [1-9]/.test(document.querySelector('#status').textContent)",
        )
        .await?;
        ChromeDevTools::new(driver.handle.clone())
            .execute_cdp("Browser.crashGpuProcess")
            .await?;
        agree(&page.ranked().await?, &native)?;
        says(&page, "#engine", "CPU").await?;
        says(&page, ".banner .notice", "the CPU computes instead").await
    })
    .await
}

/// Changes a byte of a file's middle.
fn damage(file: &Path) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes)?;
    Ok(())
}
