//! What the built site explains and hands over, against the trainer.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dcac_model::retrieval::reminds;
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::saved::{Saved, array};
use dcac_tests::served::{Served, TOLERANCE};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, Trained};
use safetensors::SafeTensors;
use serde_json::Value;

/// The hits of a table; the places must be 1, 2, 3.
fn table(path: &Path) -> Result<Vec<Hit>> {
    let mut table = csv::Reader::from_path(path)?;
    let columns = "place,name,score,probability,identity,camera,same_person";
    ensure!(
        table.headers()? == columns.split(',').collect::<Vec<_>>(),
        "other columns"
    );
    let hits = table.records().enumerate().map(|(index, row)| {
        let row = row?;
        ensure!(row[0] == (index + 1).to_string(), "place {}", &row[0]);
        Ok(Hit {
            name: row[1].to_string(),
            score: row[2].parse()?,
        })
    });
    hits.collect()
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn files_hold_what_the_page_shows() -> Result<()> {
    let served = Served::start()?;
    let (query, mut gallery) = served.trained.drawn()?;
    // A name that a table has to quote.
    let folder = served.trained.path("taken");
    fs::create_dir(&folder)?;
    for (index, path) in gallery.iter_mut().enumerate() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = match index {
            3 => "someone, \"walking\".png".to_string(),
            _ => name.into_owned(),
        };
        let copy = folder.join(name);
        fs::copy(&*path, &copy)?;
        *path = copy;
    }
    served
        .trained
        .run("extract --model f16 --images taken --out native.npy");
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let hits = page.rank(&query, &gallery).await?;
        let saved = Saved::of(&driver).await?;
        let csv = saved.take(&page, "Ranking, CSV", "ranking.csv").await?;
        ensure!(table(&csv)? == hits, "the table is another ranking");

        let json = saved.take(&page, "Ranking, JSON", "ranking.json").await?;
        let json: Value = serde_json::from_slice(&fs::read(json)?)?;
        let name = query.file_name().unwrap_or_default().to_string_lossy();
        ensure!(json["query"][0]["name"] == *name, "query {}", json["query"]);
        ensure!(json["model"]["name"] == "f16", "model {}", json["model"]);
        let listed = json["hits"].as_array().context("no hits")?;
        ensure!(listed.len() == hits.len(), "{} hits", listed.len());
        let person = |name: &str| {
            name.split_once("_c")
                .map(|(person, _)| person.parse::<i32>())
        };
        let own = person(&name).context("a query without identity")??;
        for (hit, listed) in hits.iter().zip(listed) {
            ensure!(listed["name"] == hit.name, "{listed}");
            let score = listed["score"].as_f64().context("no score")?;
            ensure!(
                (score - hit.score).abs() < 1e-6,
                "{score} for {}",
                hit.score
            );
            match person(&hit.name) {
                Some(identity) => {
                    let identity = identity?;
                    ensure!(listed["identity"] == identity, "{listed}");
                    ensure!(listed["same_person"] == (identity == own), "{listed}");
                }
                None => ensure!(listed["same_person"].is_null(), "{listed}"),
            }
        }

        // What is filtered away is not in the files.
        let least = (100.0 * hits[4].score).floor() / 100.0;
        let cut = format!(
            "const slider = document.querySelector('#cutoff'); slider.value = {least};
            slider.dispatchEvent(new Event('input', {{ bubbles: true }})); return true"
        );
        page.wait_for(&cut).await?;
        let high = page.results().await?;
        ensure!(
            high.len() >= 5 && high.len() < hits.len(),
            "{} hits",
            high.len()
        );
        let csv = saved.take(&page, "Ranking, CSV", "ranking.csv").await?;
        ensure!(table(&csv)? == high, "the table is not what is shown");

        let (names, values, width) = saved.embeddings(&page).await?;
        let (expected_names, expected, native_width) = array(&served.trained.path("native.npy"))?;
        ensure!(width == native_width, "{width} numbers for {native_width}");
        ensure!(names.len() == gallery.len(), "{} rows", names.len());
        let rows = expected_names.iter().zip(expected.chunks_exact(width));
        let rows: HashMap<&String, &[f32]> = rows.collect();
        let mut worst = 0.0_f32;
        for (name, row) in names.iter().zip(values.chunks_exact(width)) {
            let native = rows.get(name).with_context(|| format!("a row of {name}"))?;
            for (value, native) in row.iter().zip(*native) {
                worst = worst.max((value - native).abs());
            }
        }
        println!("largest difference of an embedding's number: {worst:.2e}");
        ensure!(f64::from(worst) < TOLERANCE, "embeddings differ by {worst}");

        let file = saved
            .take(&page, "Embeddings, safetensors", "embeddings.safetensors")
            .await?;
        fs::copy(file, served.trained.path("taken.safetensors"))?;
        let said = served
            .trained
            .run("index --from taken.safetensors --out index");
        ensure!(said.contains(&format!("{} added", gallery.len())), "{said}");
        Ok(())
    })
    .await
}

/// Whom the trainer's model takes every picture of a folder for: by name, all training
/// identities and their probabilities, the likeliest first.
fn reminded(trained: &Trained, folder: &str) -> Result<HashMap<String, Vec<(i64, f64)>>> {
    trained.run(&format!("gradcam --run run --images {folder} --out named"));
    trained.run(&format!(
        "extract --model told --images {folder} --out told.npy"
    ));
    let (names, values, width) = array(&trained.path("told.npy"))?;
    let file = fs::read(trained.path("told/classifier.safetensors"))?;
    let weights = SafeTensors::deserialize(&file)?.tensor("classifier.weight")?;
    let (words, _) = weights.data().as_chunks();
    let weights: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    let identities = trained.json("told/identities.json");
    let answers = trained.json("named/gradcam.json");
    let mut all = HashMap::new();
    for answer in answers.as_array().context("no answers")? {
        let image = answer["image"].as_str().context("no image")?;
        let row = names.iter().position(|name| image.ends_with(name.as_str()));
        let row = &values[row.context("no embedding")? * width..][..width];
        let label = answer["predicted"].as_u64().context("no label")? as usize;
        // The embedding lacks the length that the neck's output has, which the logit tells.
        let own = &weights[label * width..][..width];
        let cosine: f32 = own.iter().zip(row).map(|(a, b)| a * b).sum();
        let length = answer["logit"].as_f64().context("no logit")? as f32 / cosine;
        let neck: Vec<f32> = row.iter().map(|value| value * length).collect();
        let found = reminds(&neck, &weights, weights.len() / width)?;
        ensure!(found[0].0 == label, "the library names {:?}", found[0]);
        let found = found.into_iter().map(|(label, probability)| {
            let identity = identities[label]["identity"].as_i64();
            Ok((identity.context("no identity")?, f64::from(probability)))
        });
        let name = Path::new(image).file_name().context("no name")?;
        all.insert(
            name.to_string_lossy().into_owned(),
            found.collect::<Result<_>>()?,
        );
    }
    Ok(all)
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn pictures_remind_of_whom_the_trainer_names() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    let trained = &served.trained;
    trained.run("export --run run --out told --with-classifier");
    let folder = trained.path("shown");
    fs::create_dir(&folder)?;
    for path in gallery.iter().chain([&query]) {
        fs::copy(path, folder.join(path.file_name().unwrap_or_default()))?;
    }
    let native = reminded(trained, "shown")?;
    let (told, plain) = (trained.path("told"), trained.path("f16"));
    let site = Site::serve(&[("told", &told), ("plain", &plain)], &[])?;
    let explained = "return document.querySelector('#why .squares') !== null";
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=told").await?;
        let hits = page.rank(&query, &gallery).await?;
        page.click("#results .ask").await?;
        page.wait_for(explained).await?;
        let script = "return [...document.querySelectorAll('#reminds ol')].map(list =>
            [...list.children].map(line =>
                [Number(line.dataset.identity), Number(line.dataset.probability)]))";
        let lists: Vec<Vec<(i64, f64)>> = page.value(script).await?;
        let name = query.file_name().unwrap_or_default().to_string_lossy();
        ensure!(lists.len() == 2, "{} lists", lists.len());
        for (name, list) in [&*name, &hits[0].name].into_iter().zip(&lists) {
            let native = native.get(name).with_context(|| format!("no {name}"))?;
            ensure!(list.len() == 5, "{} of {name}", list.len());
            for (place, (identity, probability)) in list.iter().enumerate() {
                let expected = native.iter().find(|(other, _)| other == identity);
                let expected = expected.context("an identity that was not trained on")?.1;
                ensure!(
                    (probability - expected).abs() < TOLERANCE,
                    "{name}, {identity}: {probability} for {expected}"
                );
                // Only those that rounding can exchange may stand in another order.
                ensure!(
                    (native[place].1 - expected).abs() < TOLERANCE,
                    "{name}: {identity} at place {place}"
                );
            }
        }
        Ok(())
    })
    .await?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=plain").await?;
        page.rank(&query, &gallery).await?;
        page.click("#results .ask").await?;
        page.wait_for(explained).await?;
        let shown: bool = page
            .value("return document.querySelector('#reminds') !== null")
            .await?;
        ensure!(!shown, "a model without a classifier names somebody");
        Ok(())
    })
    .await
}
