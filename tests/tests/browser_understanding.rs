//! What the built site lays out, explains and hands over, against the trainer.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dcac_model::retrieval::{Map, cosine_scores, nearest, reminds};
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::served::{Served, TOLERANCE};
use dcac_tests::site::Site;
use dcac_tests::trainer::{Hit, Trained, pictures};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::WebDriver;
use thirtyfour::extensions::cdp::ChromeDevTools;
use xtask::paths;

/// How many neighbours of a picture are looked at.
const NEAR: usize = 5;

/// Keeps what the search worker says of the map.
const LISTEN: &str = "
    window.maps = [];
    const Plain = window.Worker;
    window.Worker = class extends Plain {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', event => {
                const map = JSON.parse(event.data[1] ?? '{}').Mapped;
                if (map) window.maps.push(map);
            });
        }
    };";

/// Folder that a browser saves to.
struct Saved(TempDir);

impl Saved {
    async fn of(driver: &WebDriver) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let to = json!({ "behavior": "allow", "downloadPath": folder.path() });
        ChromeDevTools::new(driver.handle.clone())
            .execute_cdp_with_params("Browser.setDownloadBehavior", to)
            .await?;
        Ok(Self(folder))
    }

    /// Saves what a line of the menu offers and returns the file.
    async fn take(&self, page: &Page, line: &str, name: &str) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let script = format!(
            "document.querySelector('#export').open = true;
            [...document.querySelectorAll('#export li button')]
                .find(button => button.textContent.startsWith('{line}')).click(); return true"
        );
        page.wait_for(&script).await?;
        let end = Instant::now() + Duration::from_secs(30);
        // A browser gives a file its name once all of it is there.
        while !path.exists() {
            ensure!(Instant::now() < end, "{name} has not been saved");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(path)
    }
}

async fn ask<T: serde::de::DeserializeOwned>(driver: &WebDriver, script: &str) -> Result<T> {
    Ok(driver.execute(script, vec![]).await?.convert()?)
}

async fn show_map(page: &Page) -> Result<()> {
    page.wait_for("document.querySelector('#show-map').click(); return true")
        .await?;
    page.wait_for("return document.querySelector('#map')?.dataset.state === 'done'")
        .await
}

/// Values `[n, width]` of a NumPy file, and the paths beside it.
fn array(path: &Path) -> Result<(Vec<String>, Vec<f32>, usize)> {
    let bytes = fs::read(path)?;
    ensure!(bytes.starts_with(b"\x93NUMPY\x01\x00"), "no NumPy file");
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    ensure!(length.is_multiple_of(64), "a header of {length} bytes");
    let header = std::str::from_utf8(&bytes[10..length])?;
    ensure!(
        header.contains("'descr': '<f4', 'fortran_order': False"),
        "{header}"
    );
    let shape = header.split_once("'shape': (").context("no shape")?.1;
    let shape = shape.split_once(')').context("no shape")?.0;
    let (rows, width) = shape.split_once(", ").context("no two sizes")?;
    let (rows, width): (usize, usize) = (rows.parse()?, width.parse()?);
    let (numbers, rest) = bytes[length..].as_chunks();
    let values: Vec<f32> = numbers
        .iter()
        .map(|&word| f32::from_le_bytes(word))
        .collect();
    ensure!(
        rest.is_empty() && values.len() == rows * width,
        "{} values",
        values.len()
    );
    let mut table = csv::Reader::from_path(path.with_extension("csv"))?;
    ensure!(
        table.headers()? == ["path", "identity", "camera"].as_slice(),
        "other columns"
    );
    let names: Result<Vec<String>, csv::Error> =
        table.records().map(|row| Ok(row?[0].to_string())).collect();
    let names = names?;
    ensure!(names.len() == rows, "{} names for {rows} rows", names.len());
    Ok((names, values, width))
}

/// The nearest others of every row, by scores of all pairs.
fn neighbours(count: usize, scores: impl Fn(usize) -> Vec<f32>) -> Vec<Vec<u32>> {
    let others = |row: usize| {
        let mut scores = scores(row);
        scores[row] = f32::NEG_INFINITY;
        nearest(&scores, NEAR)
    };
    (0..count).map(others).collect()
}

fn on_map(places: &[[f32; 2]]) -> Vec<Vec<u32>> {
    neighbours(places.len(), |row| {
        let [x, y] = places[row];
        let score = |other: &[f32; 2]| -(other[0] - x).hypot(other[1] - y);
        places.iter().map(score).collect()
    })
}

/// The share of neighbours that two spaces have in common.
fn shared(a: &[Vec<u32>], b: &[Vec<u32>]) -> f64 {
    let of = |(a, b): (&Vec<u32>, &Vec<u32>)| a.iter().filter(|row| b.contains(row)).count();
    a.iter().zip(b).map(of).sum::<usize>() as f64 / (a.len() * NEAR) as f64
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_map_keeps_neighbours_as_the_library_does() -> Result<()> {
    let served = Served::start()?;
    let (query, _) = served.drawn()?;
    let gallery = pictures(&served.trained.path("data/bounding_box_test"), 1, 64)?;
    with_browser(async |driver| {
        ChromeDevTools::new(driver.handle.clone())
            .execute_cdp_with_params(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({ "source": LISTEN }),
            )
            .await?;
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        show_map(&page).await?;
        let last: Value = ask(&driver, "return window.maps.at(-1)").await?;
        ensure!(last["done"] == true, "the last map is not the finished one");
        let points: Vec<(u64, [f32; 2])> = serde_json::from_value(last["points"].clone())?;
        ensure!(points.len() == gallery.len(), "{} pictures", points.len());
        let places: Vec<[f32; 2]> = points.iter().map(|(_, place)| *place).collect();
        ensure!(
            places.iter().flatten().all(|value| value.is_finite()),
            "not finite"
        );

        let saved = Saved::of(&driver).await?;
        saved
            .take(&page, "Rows of the embeddings", "embeddings.csv")
            .await?;
        let file = saved
            .take(&page, "Embeddings, NumPy", "embeddings.npy")
            .await?;
        let (names, values, width) = array(&file)?;
        let mut native = Map::new(&values, width, 30.0)?;
        while !native.done() {
            native.step();
        }
        let rows = || values.chunks_exact(width);
        let embedded = neighbours(rows().len(), |row| {
            cosine_scores(&values[row * width..][..width], &values)
        });
        let (found, expected) = (
            shared(&on_map(&places), &embedded),
            shared(&on_map(native.positions()), &embedded),
        );
        let chance = NEAR as f64 / (gallery.len() - 1) as f64;
        println!(
            "neighbours kept: {found:.3}, by the library {expected:.3}, by chance {chance:.3}"
        );
        ensure!(found > 3.0 * chance, "{found} by the page");
        ensure!((found - expected).abs() < 0.1, "{found} for {expected}");

        // Pictures of a person lie nearer to each other than to others.
        let person = |row: usize| names[row].split('_').next().unwrap_or_default();
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for a in 0..places.len() {
            for b in 0..a {
                let apart = (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1]);
                let kind = if person(a) == person(b) {
                    &mut same
                } else {
                    &mut other
                };
                kind.push(f64::from(apart));
            }
        }
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        println!(
            "apart: {:.2} of one person, {:.2} of two",
            mean(&same),
            mean(&other)
        );
        ensure!(mean(&same) < mean(&other), "persons are scattered");

        // The same again, from what is known already.
        page.wait_for("document.querySelector('#show-ranking').click(); return true")
            .await?;
        show_map(&page).await?;
        let again: Value = ask(&driver, "return window.maps.at(-1).points").await?;
        ensure!(again == last["points"], "another map");
        Ok(())
    })
    .await
}

/// Name and place on the screen of the picture that is pointed at.
async fn tip(driver: &WebDriver) -> Result<(String, [f64; 2])> {
    // It comes with the next frame.
    let script = "for (let frame = 0; frame < 3; frame++)
            await new Promise(next => requestAnimationFrame(next));
        const tip = document.querySelector('#map .tip');
        return tip && [tip.dataset.name, [Number(tip.dataset.x), Number(tip.dataset.y)]]";
    let script = format!("return (async () => {{ {script} }})()");
    let found: Option<(String, [f64; 2])> = ask(driver, &script).await?;
    found.context("nothing is pointed at")
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_map_is_walked_and_clicked() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(1280, 1600).await?;
        let hits = page.rank(&query, &gallery).await?;
        show_map(&page).await?;
        let key = |key: &str| {
            format!(
                "const canvas = document.querySelector('#map canvas'); canvas.focus();
                canvas.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}));
                return true"
            )
        };
        let looked_for = |name: &str| {
            format!(
                "return document.querySelector('.about-query .name').textContent === '{name}'
                    && document.querySelector('#results').dataset.state === 'done'
                    && document.querySelector('#results [data-name=\"{name}\"]') === null"
            )
        };
        // Frames move the pictures until they are where they belong.
        let mut before = String::new();
        loop {
            let now: String = ask(
                &driver,
                "return document.querySelector('#map canvas').toDataURL()",
            )
            .await?;
            if now == before {
                break;
            }
            before = now;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }

        // From the first hit to the nearest pictures, each of them once, and back.
        let mut visited = Vec::new();
        for _ in &gallery {
            page.wait_for(&key("n")).await?;
            visited.push(tip(&driver).await?.0);
        }
        ensure!(visited[0] == hits[0].name, "{} first", visited[0]);
        let said = "return document.querySelector('#map .said').textContent";
        let words: String = ask(&driver, said).await?;
        ensure!(words.contains(&visited[gallery.len() - 1]), "it says: {words}");
        page.wait_for(&key("n")).await?;
        let words: String = ask(&driver, said).await?;
        ensure!(words.starts_with("No further"), "it says: {words}");
        page.wait_for(&key("p")).await?;
        ensure!(tip(&driver).await?.0 == visited[gallery.len() - 2], "not back");
        let mut names = visited.clone();
        names.sort();
        names.dedup();
        ensure!(names.len() == gallery.len(), "{} of {}", names.len(), gallery.len());

        // Keys and the mouse move what is seen. Towards the middle nothing gets out of view.
        for _ in 0..3 {
            page.wait_for(&key("+")).await?;
        }
        let (name, at) = tip(&driver).await?;
        let size = "const area = document.querySelector('#map canvas').getBoundingClientRect();
            return [area.width, area.height]";
        let size: [f64; 2] = ask(&driver, size).await?;
        let inwards = [0, 1].map(|axis| (size[axis] / 2.0 - at[axis]).signum());
        let arrow = match inwards[0] > 0.0 {
            true => "ArrowLeft",
            false => "ArrowRight",
        };
        page.wait_for(&key(arrow)).await?;
        let (same, from) = tip(&driver).await?;
        ensure!(same == name, "{same} in place of {name}");
        let moved = from[0] - at[0] - 60.0 * inwards[0];
        ensure!(moved.abs() < 1.0, "{arrow}: from {at:?} to {from:?}");
        let [x, y] = [40.0 * inwards[0], 30.0 * inwards[1]];
        let drag = format!(
            "const canvas = document.querySelector('#map canvas');
            const area = canvas.getBoundingClientRect();
            const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {{
                pointerId: 7, clientX: area.x + 300 + x, clientY: area.y + 200 + y, bubbles: true }}));
            send('pointerdown', 0, 0); send('pointermove', {x} / 2, {y} / 2);
            send('pointermove', {x}, {y}); send('pointerup', {x}, {y});
            send('pointerleave', {x}, {y}); return true"
        );
        page.wait_for(&drag).await?;
        let (same, to) = tip(&driver).await?;
        ensure!(same == name, "{same} in place of {name}");
        ensure!(
            (to[0] - from[0] - x).abs() < 1.0 && (to[1] - from[1] - y).abs() < 1.0,
            "dragged by {x}, {y}: from {from:?} to {to:?}"
        );
        let wheel = |by: i32| {
            format!(
                "document.querySelector('#map canvas').dispatchEvent(new WheelEvent('wheel',
                    {{ deltaY: {by}, bubbles: true, cancelable: true }})); return true"
            )
        };
        let near = "return document.querySelector('#map canvas').classList.contains('near')";
        page.wait_for(&format!("{near} === true")).await?;
        for _ in 0..6 {
            page.wait_for(&wheel(400)).await?;
        }
        page.wait_for(&format!("{near} === false")).await?;

        // The keyboard looks for what it has reached.
        let (name, _) = tip(&driver).await?;
        page.wait_for(&key("Enter")).await?;
        page.wait_for(&looked_for(&name)).await?;
        let folder = paths::target().join("screenshots");
        fs::create_dir_all(&folder)?;
        driver.screenshot(&folder.join("map.png")).await?;

        // So does a click; the walk tells where another picture is.
        page.wait_for(&key("p")).await?;
        let (other, [x, y]) = tip(&driver).await?;
        ensure!(other != name, "the walk did not move");
        let click = format!(
            "const canvas = document.querySelector('#map canvas');
            const area = canvas.getBoundingClientRect();
            const at = {{ pointerId: 7, clientX: area.x + {x}, clientY: area.y + {y}, bubbles: true }};
            for (const kind of ['pointermove', 'pointerdown', 'pointerup', 'pointerleave'])
                canvas.dispatchEvent(new PointerEvent(kind, at));
            return true"
        );
        page.wait_for(&click).await?;
        page.wait_for(&looked_for(&other)).await?;
        page.wait_for("document.querySelector('#show-ranking').click(); return true")
            .await?;
        let hits = page.ranked().await?;
        ensure!(hits.len() == gallery.len() - 1, "{} hits", hits.len());
        ensure!(
            hits.iter().all(|hit| hit.name != other),
            "the query {other}, after {name}, is a hit: {hits:?}"
        );
        Ok(())
    })
    .await
}

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
    let (query, mut gallery) = served.drawn()?;
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

        saved
            .take(&page, "Rows of the embeddings", "embeddings.csv")
            .await?;
        let file = saved
            .take(&page, "Embeddings, NumPy", "embeddings.npy")
            .await?;
        let (names, values, width) = array(&file)?;
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
    let (query, gallery) = served.drawn()?;
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
    let explain = "document.querySelector('#results .ask').click(); return true";
    let explained = "return document.querySelector('#why .squares') !== null";
    with_browser(async |driver| {
        let page = Page::open(&driver, &site.url(), "?backend=cpu&model=told").await?;
        let hits = page.rank(&query, &gallery).await?;
        page.wait_for(explain).await?;
        page.wait_for(explained).await?;
        let script = "return [...document.querySelectorAll('#reminds ol')].map(list =>
            [...list.children].map(line =>
                [Number(line.dataset.identity), Number(line.dataset.probability)]))";
        let lists: Vec<Vec<(i64, f64)>> = ask(&driver, script).await?;
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
        page.wait_for(explain).await?;
        page.wait_for(explained).await?;
        let shown: bool = ask(
            &driver,
            "return document.querySelector('#reminds') !== null",
        )
        .await?;
        ensure!(!shown, "a model without a classifier names somebody");
        Ok(())
    })
    .await
}
