//! The map of the gallery, against the library.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use anyhow::{Result, ensure};
use dcac_model::retrieval::{Map, cosine_scores, nearest};
use dcac_tests::browser::with_browser;
use dcac_tests::devtools;
use dcac_tests::map::{self, LISTEN};
use dcac_tests::page::Page;
use dcac_tests::saved::Saved;
use dcac_tests::served::Served;
use dcac_tests::trainer::pictures;
use serde_json::{Value, json};

/// How many neighbours of a picture are looked at.
const NEAR: usize = 5;

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
    let (query, _) = served.trained.drawn()?;
    let gallery = pictures(&served.trained.path("data/bounding_box_test"), 1, 64)?;
    with_browser(async |driver| {
        let listen = json!({ "source": LISTEN });
        devtools::command(&driver, "Page.addScriptToEvaluateOnNewDocument", listen).await?;
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        map::show(&page).await?;
        let last: Value = page.value("return window.maps.at(-1)").await?;
        ensure!(last["done"] == true, "the last map is not the finished one");
        let points: Vec<(u64, [f32; 2])> = serde_json::from_value(last["points"].clone())?;
        ensure!(points.len() == gallery.len(), "{} pictures", points.len());
        let places: Vec<[f32; 2]> = points.iter().map(|(_, place)| *place).collect();
        ensure!(
            places.iter().flatten().all(|value| value.is_finite()),
            "not finite"
        );

        let saved = Saved::of(&driver).await?;
        let (names, values, width) = saved.embeddings(&page).await?;
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
        page.click("#show-ranking").await?;
        map::show(&page).await?;
        let again: Value = page.value("return window.maps.at(-1).points").await?;
        ensure!(again == last["points"], "another map");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn thousands_of_pictures_have_a_map() -> Result<()> {
    let served = Served::start()?;
    // One more than t-SNE takes.
    let count = 3001;
    with_browser(async |driver| {
        let listen = json!({ "source": LISTEN });
        devtools::command(&driver, "Page.addScriptToEvaluateOnNewDocument", listen).await?;
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(1280, 900).await?;
        let add = format!(
            "const done = arguments[arguments.length - 1];
            (async () => {{
                // Encoded at once: what a canvas encodes by itself waits for the browser to idle.
                const canvas = document.createElement('canvas');
                [canvas.width, canvas.height] = [16, 32];
                const context = canvas.getContext('2d');
                const files = new DataTransfer();
                for (let i = 0; i < {count}; i++) {{
                    for (const y of [0, 16]) {{
                        context.fillStyle = `hsl(${{(i * 137.5 + y * 9) % 360}} 60% ${{20 + i % 60}}%)`;
                        context.fillRect(0, y, 16, 16);
                    }}
                    const text = atob(canvas.toDataURL().split(',')[1]);
                    const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
                    files.items.add(new File([bytes], `${{i}}.png`));
                }}
                const input = document.querySelector('#gallery-input');
                input.files = files.files;
                input.dispatchEvent(new Event('change', {{ bubbles: true }}));
                done(true);
            }})()"
        );
        driver.execute_async(&add, vec![]).await?;
        page.wait_for(&format!(
            "return document.querySelector('#results li')?.ariaSetSize === '{count}'"
        ))
        .await?;
        page.click("#results li button").await?;
        page.ranked().await?;
        map::show(&page).await?;
        let maps: Vec<Value> = page.value("return window.maps").await?;
        ensure!(maps.len() == 1 && maps[0]["done"] == true, "{} maps", maps.len());
        let points: Vec<(u64, [f32; 2])> = serde_json::from_value(maps[0]["points"].clone())?;
        ensure!(points.len() == count, "{} pictures", points.len());
        let spread = |axis: usize| {
            let values = || points.iter().map(|(_, place)| f64::from(place[axis]));
            let mean = values().sum::<f64>() / count as f64;
            values().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64
        };
        // The principal components, the first one first.
        let (first, second) = (spread(0), spread(1));
        ensure!(first >= second && second > 0.0, "variances {first}, {second}");
        Ok(())
    })
    .await
}
