//! What the built site makes of an answer, against the trainer.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::served::{Served, TOLERANCE, agree};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, pictures, rank, rank_evened};
use serde_json::{Value, json};
use xtask::paths;

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_calibrated_model_shows_probabilities() -> Result<()> {
    let served = Served::start()?;
    let manifest = served.trained.path("f16/manifest.json");
    let mut entry: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
    entry["calibration"] = json!({ "slope": 9.0, "offset": -6.0, "prior": 0.01 });
    entry["calibration_normalized"] = json!({ "slope": 5.0, "offset": -2.0, "prior": 0.01 });
    fs::write(&manifest, serde_json::to_vec(&entry)?)?;
    let site = Site::serve(&[("f16", &served.trained.path("f16"))], &[])?;
    let (query, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu").await?;
        let mut hits = page.rank(&query, &gallery).await?;
        // Of scores with evened out cameras, then of plain ones.
        for (slope, offset) in [(5.0, -2.0), (9.0, -6.0)] {
            let shown = page.probabilities().await?;
            ensure!(shown.len() == hits.len(), "{} probabilities", shown.len());
            for (hit, (probability, text)) in hits.iter().zip(&shown) {
                let expected = 1.0 / (1.0 + (-offset - slope * hit.score).exp());
                ensure!(
                    (probability - expected).abs() < 1e-4,
                    "{probability} for {expected}"
                );
                let words = format!("{:.0} %", 100.0 * expected);
                ensure!(text.contains(&words), "no `{words}` in `{text}`");
            }
            page.click("#normalize-cameras").await?;
            hits = page.ranked().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn measures_of_the_gallery_are_those_of_the_trainer() -> Result<()> {
    let served = Served::start()?;
    let (query, _) = served.trained.drawn()?;
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
    let evened = "--normalize-cameras --json evened.json";
    (served.trained).run(&format!("evaluate --model f16 --data csv=all.csv {evened}"));
    let evened = served.trained.json("evened.json");
    let plain = rank(&served.trained.path("f16"), &query, &gallery)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        measured(&page, &evened).await?;
        page.click("#normalize-cameras").await?;
        let hits = page.ranked().await?;
        agree(&hits, &plain)?;
        page.wait_for(&format!(
            "return document.querySelector('#measures').dataset.map !== '{}'",
            evened["map"]
        ))
        .await?;
        measured(&page, &native).await?;
        ensure!(
            evened["map"] != native["map"],
            "evening cameras out has changed nothing"
        );
        Ok(())
    })
    .await
}

/// Compares the page's measures of its gallery with those of an evaluation.
async fn measured(page: &Page, native: &Value) -> Result<()> {
    page.wait_for("return document.querySelector('#measures') !== null")
        .await?;
    for (what, expected) in [
        ("rank1", &native["cmc"][0]),
        ("map", &native["map"]),
        ("minp", &native["minp"]),
    ] {
        let script = format!("return Number(document.querySelector('#measures').dataset.{what})");
        let found: f64 = page.value(&script).await?;
        let expected = expected.as_f64().context("no figure")?;
        println!("{what}: {found} and {expected}");
        ensure!(
            (found - expected).abs() < 1e-3,
            "{what}: {found} for {expected}"
        );
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn answers_are_cut_filtered_and_re_ranked() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
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
        page.click("#other-cameras").await?;
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
        page.click("#other-cameras").await?;

        page.click("#rerank").await?;
        let mut again = page.ranked().await?;
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
    let (query, gallery) = served.trained.drawn()?;
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
        // Where it has pressed a button, the pointer might choose a part.
        driver.action_chain().move_to(1, 1).perform().await?;
        page.click(".ask").await?;
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
    let (first, gallery) = served.trained.drawn()?;
    let model = served.trained.path("f16");
    let second = &gallery[3];
    let alone = [
        rank_evened(&model, &first, &gallery)?,
        rank_evened(&model, second, &gallery)?,
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
        let more = format!("[data-name=\"{name}\"] .more");
        page.click(&more).await?;
        let hits = page.ranked().await?;
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
