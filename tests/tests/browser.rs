//! The built site in a browser, against `trainer rank` on the same crops and model.
//!
//! Ignored unless asked for: they need a built site, chromium and chromedriver, which
//! `cargo xtask test` provides.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, Trained, pictures, rank};
use serde_json::{Value, json};
use thirtyfour::extensions::cdp::ChromeDevTools;
use xtask::paths;

/// How far a score in the browser may be from the trainer's.
const TOLERANCE: f64 = 1e-3;

/// A small model, and the site with it.
struct Served {
    trained: Trained,
    site: Site,
}

impl Served {
    fn start() -> Result<Self> {
        let trained = Trained::make()?;
        let (f16, f32) = (trained.path("f16"), trained.path("f32"));
        let site = Site::serve(&[("f16", &f16), ("f32", &f32)], &[])?;
        Ok(Self { trained, site })
    }

    /// A drawn query and a drawn gallery.
    fn drawn(&self) -> Result<(PathBuf, Vec<PathBuf>)> {
        let data = self.trained.path("data");
        let query = pictures(&data.join("query"), 1, 1)?;
        let query = query.into_iter().next().context("no query was drawn")?;
        Ok((query, pictures(&data.join("bounding_box_test"), 1, 30)?))
    }

    /// Ranks in the browser and by the trainer, and compares.
    async fn compare(
        &self,
        backend: &str,
        model: &str,
        query: &Path,
        gallery: &[PathBuf],
    ) -> Result<()> {
        let native = rank(&self.trained.path(model), query, gallery)?;
        with_browser(async |driver| {
            let choice = format!("?backend={backend}&model={model}");
            let page = Page::open(&driver, &self.site.url(), &choice).await?;
            let hits = page.rank(query, gallery).await?;
            let engine = page.text("engine").await?;
            println!("{backend}, {model}: {engine}");
            let right = engine.to_lowercase().contains(backend);
            ensure!(right, "computed by: {engine}");
            agree(&hits, &native)?;
            for address in page.loaded().await? {
                let own = address.starts_with(&self.site.url()) || address.starts_with("blob:");
                ensure!(own, "{address} is outside of the site");
            }
            Ok(())
        })
        .await
    }
}

/// Compares every value of two rankings of the same pictures.
fn agree(browser: &[Hit], native: &[Hit]) -> Result<()> {
    ensure!(
        browser.len() == native.len(),
        "{} results, expected {}",
        browser.len(),
        native.len()
    );
    let spread = native[0].score - native[native.len() - 1].score;
    ensure!(
        spread > 20.0 * TOLERANCE,
        "scores too alike to compare: spread {spread}"
    );
    let mut worst = 0.0_f64;
    let mut expected = Vec::new();
    for hit in browser {
        let same = native.iter().find(|other| other.name == hit.name);
        let same = same.with_context(|| format!("{} is not in the gallery", hit.name))?;
        let difference = (hit.score - same.score).abs();
        ensure!(
            difference < TOLERANCE,
            "{}: {} against {}",
            hit.name,
            hit.score,
            same.score
        );
        worst = worst.max(difference);
        expected.push(same.score);
    }
    // Only scores that rounding can exchange may stand in another order.
    for (place, pair) in expected.windows(2).enumerate() {
        ensure!(
            pair[0] >= pair[1] - 2.0 * worst,
            "place {} and {} are exchanged: {} {}",
            place + 1,
            place + 2,
            browser[place].name,
            browser[place + 1].name
        );
    }
    println!(
        "{} scores, spread {spread:.4}, largest difference {worst:.2e}",
        browser.len()
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn cpu_ranks_like_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.drawn()?;
    served.compare("cpu", "f16", &query, &gallery).await?;
    served.compare("cpu", "f32", &query, &gallery).await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn webgpu_ranks_like_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.drawn()?;
    served.compare("webgpu", "f16", &query, &gallery).await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn real_crops_rank_like_the_trainer() -> Result<()> {
    let data = match std::env::var_os("DCAC_REAL_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => paths::root().join("../shared/data/pku-reid"),
    };
    if !data.is_dir() {
        println!(
            "skipped: no real crops in {} (DCAC_REAL_DATA names them)",
            data.display()
        );
        return Ok(());
    }
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
    let (query, mut gallery) = served.drawn()?;
    gallery.truncate(6);
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("0001_c1s1_broken.jpg");
    fs::write(&broken, "no picture")?;
    let native = rank(&served.trained.path("f16"), &query, &gallery)?;
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
    let (query, gallery) = served.drawn()?;
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
async fn a_calibrated_model_shows_probabilities() -> Result<()> {
    let served = Served::start()?;
    let manifest = served.trained.path("f16/manifest.json");
    let mut entry: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
    entry["calibration"] = json!({ "slope": 9.0, "offset": -6.0, "prior": 0.01 });
    fs::write(&manifest, serde_json::to_vec(&entry)?)?;
    let site = Site::serve(&[("f16", &served.trained.path("f16"))], &[])?;
    let (query, gallery) = served.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu").await?;
        let hits = page.rank(&query, &gallery).await?;
        let shown = page.probabilities().await?;
        ensure!(shown.len() == hits.len(), "{} probabilities", shown.len());
        for (hit, (probability, text)) in hits.iter().zip(&shown) {
            let expected = 1.0 / (1.0 + (6.0 - 9.0 * hit.score).exp());
            ensure!(
                (probability - expected).abs() < 1e-4,
                "{probability} for {expected}"
            );
            let words = format!("{:.0} %", 100.0 * expected);
            ensure!(text.contains(&words), "no `{words}` in `{text}`");
        }
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
        page.wait_for("return document.querySelector('#results').dataset.state === 'done'")
            .await?;
        let hits = page.results().await?;
        ensure!(hits.len() == samples.len() - 1, "{} hits", hits.len());
        let said = page.text("introduction").await?;
        ensure!(said.contains("in your browser"), "it says: {said}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn measures_of_the_gallery_are_those_of_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, _) = served.drawn()?;
    let gallery = pictures(&served.trained.path("data/bounding_box_test"), 1, 64)?;
    let mut table = "path,identity,camera,split\n".to_string();
    for path in &gallery {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let label = name.split_once("_c").context("a name without a camera")?;
        let camera = label.1.chars().take_while(char::is_ascii_digit);
        let camera: String = camera.collect();
        // Identity 0 is nobody in particular, who is looked for by nobody.
        let splits = ["gallery", "query"];
        for split in &splits[..1 + usize::from(label.0 != "0000")] {
            let line = format!("{},{},{camera},{split}\n", path.display(), label.0);
            table.push_str(&line);
        }
    }
    fs::write(served.trained.path("all.csv"), table)?;
    served
        .trained
        .run("evaluate --model f16 --data csv=all.csv --json figures.json");
    let native = served.trained.json("figures.json");
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        page.wait_for("return document.querySelector('#measures') !== null")
            .await?;
        for (what, expected) in [
            ("rank1", &native["cmc"][0]),
            ("map", &native["map"]),
            ("minp", &native["minp"]),
        ] {
            let script =
                format!("return Number(document.querySelector('#measures').dataset.{what})");
            let found: f64 = driver.execute(script, vec![]).await?.convert()?;
            let expected = expected.as_f64().context("no figure")?;
            println!("{what}: {found} and {expected}");
            ensure!(
                (found - expected).abs() < 1e-3,
                "{what}: {found} for {expected}"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn answers_are_cut_filtered_and_re_ranked() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let all = page.rank(&query, &gallery).await?;

        let cut = |least: f64| {
            format!(
                "const slider = document.querySelector('#cutoff'); slider.value = {least};
                slider.dispatchEvent(new Event('input', {{ bubbles: true }})); return true"
            )
        };
        let least = (100.0 * all[4].score).floor() / 100.0;
        page.wait_for(&cut(least)).await?;
        let high: Vec<_> = all
            .iter()
            .filter(|hit| hit.score >= least)
            .cloned()
            .collect();
        ensure!(
            page.results().await? == high,
            "other pictures than from {least} on"
        );
        page.wait_for(&cut(-1.0)).await?;

        let camera = |name: &str| name.split_once("_c").map(|(_, rest)| rest[..1].to_string());
        let own = camera(&query.file_name().unwrap_or_default().to_string_lossy());
        let click = |id: &str| format!("document.querySelector('#{id}').click(); return true");
        page.wait_for(&click("other-cameras")).await?;
        let others: Vec<_> = { all.iter() }
            .filter(|hit| camera(&hit.name) != own)
            .cloned()
            .collect();
        ensure!(
            others.len() < all.len(),
            "the query's camera saw nobody else"
        );
        ensure!(
            page.results().await? == others,
            "pictures by {own:?} are there"
        );
        page.wait_for(&click("other-cameras")).await?;

        page.wait_for(&click("rerank")).await?;
        page.wait_for("return document.querySelector('#results').dataset.state === 'done'")
            .await?;
        let mut again = page.results().await?;
        ensure!(again != all, "re-ranking has changed nothing");
        again.sort_by(|a, b| b.score.total_cmp(&a.score));
        ensure!(again == all, "re-ranking has changed more than the order");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn matching_parts_are_those_of_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.drawn()?;
    let hit = &gallery[..1];
    fs::create_dir(served.trained.path("one"))?;
    let name = hit[0].file_name().context("a name")?;
    fs::copy(&hit[0], served.trained.path("one").join(name))?;
    served.trained.run(&format!(
        "rank --model f16 --query {} --gallery one --html one.html --patches 1",
        query.display()
    ));
    let native = served.trained.page("one.html");
    let native = native
        .split_once("data-similarity=\"")
        .context("no similarity")?
        .1;
    let native = native.split('"').next().context("no similarity")?;
    let native = STANDARD.decode(native)?;
    let count = native.len().isqrt();
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, hit).await?;
        page.wait_for("document.querySelector('.ask').click(); return true")
            .await?;
        page.wait_for("return document.querySelector('#why .squares') !== null")
            .await?;
        // How bright every part of the query is, then of the hit.
        let script = "return [...document.querySelectorAll('.squares i')]
            .map(part => 1 - Number(part.style.getPropertyValue('--dark')) / 0.85)";
        let rest: Vec<f64> = driver.execute(script, vec![]).await?.convert()?;
        ensure!(
            rest.len() == 2 * count,
            "{} parts, expected {count} twice",
            rest.len()
        );
        for part in 0..count {
            let row = &native[part * count..][..count];
            let best = f64::from(*row.iter().max().context("no parts")?) / 255.0;
            ensure!(
                (rest[part] - best).abs() < 0.01,
                "part {part}: {} for {best}",
                rest[part]
            );
        }
        page.wait_for(
            "document.querySelector('.squares i:nth-child(4)')
                .dispatchEvent(new Event('pointerenter')); return true",
        )
        .await?;
        let chosen: Vec<f64> = driver.execute(script, vec![]).await?.convert()?;
        for part in 0..count {
            let alike = f64::from(native[3 * count + part]) / 255.0;
            let found = chosen[count + part];
            ensure!(
                (found - alike).abs() < 0.01,
                "part {part}: {found} for {alike}"
            );
        }
        driver
            .screenshot(&paths::target().join("screenshots/why.png"))
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn several_queries_are_averaged() -> Result<()> {
    let served = Served::start()?;
    let (first, gallery) = served.drawn()?;
    let model = served.trained.path("f16");
    let second = &gallery[3];
    let alone = [
        rank(&model, &first, &gallery)?,
        rank(&model, second, &gallery)?,
    ];
    let score = |hits: &[Hit], name: &str| {
        let hit = hits.iter().find(|hit| hit.name == name);
        hit.map(|hit| hit.score)
            .context("a picture without a score")
    };
    let name = second.file_name().context("a name")?.to_string_lossy();
    let length = (2.0 + 2.0 * score(&alone[0], &name)?).sqrt();
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&first, &gallery).await?;
        let click =
            format!("document.querySelector('[data-name=\"{name}\"] .more').click(); return true");
        page.wait_for(&click).await?;
        page.wait_for("return document.querySelector('#results').dataset.state === 'done'")
            .await?;
        let hits = page.results().await?;
        ensure!(hits.len() == gallery.len() - 1, "{} hits", hits.len());
        for hit in &hits {
            let expected = (score(&alone[0], &hit.name)? + score(&alone[1], &hit.name)?) / length;
            let difference = (hit.score - expected).abs();
            ensure!(
                difference < TOLERANCE,
                "{}: {} for {expected}",
                hit.name,
                hit.score
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn folders_can_be_dropped() -> Result<()> {
    let served = Served::start()?;
    let (_, gallery) = served.drawn()?;
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
        let place: (f64, f64) = driver
            .execute(
                "const box = document.querySelector('.gallery').getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2]",
                vec![],
            )
            .await?
            .convert()?;
        let tools = ChromeDevTools::new(driver.handle.clone());
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({
                "type": kind, "x": place.0, "y": place.1,
                "data": { "items": [], "files": [folder.path().join("crops")], "dragOperationsMask": 1 },
            });
            (tools.execute_cdp_with_params("Input.dispatchDragEvent", event)).await?;
        }
        page.wait_for("return document.querySelectorAll('#results .tile').length === 121")
            .await?;
        Ok(())
    })
    .await
}
