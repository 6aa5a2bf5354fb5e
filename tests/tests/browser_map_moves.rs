//! The map by keyboard, mouse and fingers.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::devtools;
use dcac_tests::map::{self, key, tip};
use dcac_tests::page::Page;
use dcac_tests::served::Served;
use xtask::paths;

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_map_is_walked_and_clicked() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(1280, 1600).await?;
        let hits = page.rank(&query, &gallery).await?;
        map::show(&page).await?;
        let looked_for = |name: &str| {
            format!(
                "return document.querySelector('.about-query .name').textContent === '{name}'
                    && document.querySelector('#results').dataset.state === 'done'
                    && document.querySelector('#results [data-name=\"{name}\"]') === null"
            )
        };
        // From the first hit to the nearest pictures, each of them once, and back.
        let mut visited = Vec::new();
        for _ in &gallery {
            page.wait_for(&key("n")).await?;
            visited.push(tip(&page).await?.0);
        }
        ensure!(visited[0] == hits[0].name, "{} first", visited[0]);
        let said = "return document.querySelector('#map .said').textContent";
        let words: String = page.value(said).await?;
        ensure!(words.contains(&visited[gallery.len() - 1]), "it says: {words}");
        page.wait_for(&key("n")).await?;
        let words: String = page.value(said).await?;
        ensure!(words.starts_with("No further"), "it says: {words}");
        page.wait_for(&key("p")).await?;
        ensure!(tip(&page).await?.0 == visited[gallery.len() - 2], "not back");
        let mut names = visited.clone();
        names.sort();
        names.dedup();
        ensure!(names.len() == gallery.len(), "{} of {}", names.len(), gallery.len());

        // Keys and the mouse move what is seen. Towards the middle nothing gets out of view.
        for _ in 0..3 {
            page.wait_for(&key("+")).await?;
        }
        let (name, at) = tip(&page).await?;
        let size = "const area = document.querySelector('#map canvas').getBoundingClientRect();
            return [area.width, area.height]";
        let size: [f64; 2] = page.value(size).await?;
        let inwards = [0, 1].map(|axis| (size[axis] / 2.0 - at[axis]).signum());
        let arrow = match inwards[0] > 0.0 {
            true => "ArrowLeft",
            false => "ArrowRight",
        };
        page.wait_for(&key(arrow)).await?;
        let (same, from) = tip(&page).await?;
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
        let (same, to) = tip(&page).await?;
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
        let (name, _) = tip(&page).await?;
        page.wait_for(&key("Enter")).await?;
        page.wait_for(&looked_for(&name)).await?;
        let folder = paths::target().join("screenshots");
        fs::create_dir_all(&folder)?;
        driver.screenshot(&folder.join("map.png")).await?;

        // So does a click on whatever the page names there; the walk tells where a picture is.
        page.wait_for(&key("p")).await?;
        let (_, [x, y]) = tip(&page).await?;
        let send = |kinds: &str| {
            format!(
                "const canvas = document.querySelector('#map canvas');
                const area = canvas.getBoundingClientRect();
                const at = {{ pointerId: 7, clientX: area.x + {x}, clientY: area.y + {y}, bubbles: true }};
                for (const kind of [{kinds}]) canvas.dispatchEvent(new PointerEvent(kind, at));
                return true"
            )
        };
        page.wait_for(&send("'pointermove'")).await?;
        let (other, _) = tip(&page).await?;
        ensure!(other != name, "the walk did not move");
        page.wait_for(&send("'pointerdown', 'pointerup', 'pointerleave'"))
            .await?;
        page.wait_for(&looked_for(&other)).await?;
        page.click("#show-ranking").await?;
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

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn two_fingers_stretch_the_map() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(390, 844).await?;
        page.rank(&query, &gallery).await?;
        map::show(&page).await?;
        page.wait_for(&key("n")).await?;
        let (name, [x, y]) = tip(&page).await?;
        // Two fingers at both sides of the picture, from 40 to 120 pixels apart.
        let pinch = format!(
            "const canvas = document.querySelector('#map canvas');
            const area = canvas.getBoundingClientRect();
            const send = (kind, finger, off) => canvas.dispatchEvent(new PointerEvent(kind, {{
                pointerId: finger, pointerType: 'touch', bubbles: true,
                clientX: area.x + {x} + off, clientY: area.y + {y} }}));
            send('pointerdown', 1, -20); send('pointerdown', 2, 20);
            for (let off = 25; off <= 60; off += 5) {{
                send('pointermove', 1, -off); send('pointermove', 2, off);
            }}
            send('pointerup', 1, -60); send('pointerup', 2, 60);
            return true"
        );
        page.wait_for(&pinch).await?;
        page.wait_for("return document.querySelector('#map canvas').classList.contains('near')")
            .await?;
        // A zoom is told in words; it is what the fingers did, and looks for nobody.
        page.wait_for(&key("+")).await?;
        let said: String = page
            .value("return document.querySelector('#map .said').textContent")
            .await?;
        let zoom: f64 = (said.trim_start_matches("Zoom ").parse())
            .with_context(|| format!("it says: {said}"))?;
        ensure!((zoom / 1.6 - 3.0).abs() < 0.2, "zoom {zoom} after a key");
        let (same, [now, _]) = tip(&page).await?;
        ensure!(same == name, "{same} in place of {name}");
        ensure!(
            (now - x).abs() < 12.0,
            "from {x} to {now}: not what the fingers hold"
        );
        let asked: String = page
            .value("return document.querySelector('.about-query .name').textContent")
            .await?;
        let own = query.file_name().unwrap_or_default().to_string_lossy();
        ensure!(asked == *own, "{asked} is looked for");
        Ok(())
    })
    .await
}

/// Keeps where the first picture of the walk is, frame by frame.
const FOLLOW: &str = "
    window.ways = [];
    const look = () => {
        const canvas = document.querySelector('#map canvas');
        const tip = document.querySelector('#map .tip');
        if (tip) {
            const at = tip.dataset.x + ' ' + tip.dataset.y;
            if (window.ways.at(-1) !== at) window.ways.push(at);
        } else if (canvas) {
            canvas.focus();
            canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true }));
        }
        requestAnimationFrame(look);
    };
    look();
    return true";

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_map_stands_still_for_those_who_want_that() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    let mut places = Vec::new();
    for still in [false, true] {
        with_browser(async |driver| {
            if still {
                devtools::prefer(&driver, "light").await?;
            }
            let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
            page.resize(1280, 900).await?;
            page.rank(&query, &gallery).await?;
            page.wait_for(FOLLOW).await?;
            map::show(&page).await?;
            let ways: Vec<String> = page.value("return window.ways").await?;
            places.push(ways.len());
            Ok(())
        })
        .await?;
    }
    println!(
        "places on the way: {} moving, {} still",
        places[0], places[1]
    );
    ensure!(places[0] > 5, "the map does not move: {places:?}");
    ensure!(places[1] <= 2, "the map moves: {places:?}");
    Ok(())
}
