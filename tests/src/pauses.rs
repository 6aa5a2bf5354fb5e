//! How long the main page answers to nothing while it has much to do.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use thirtyfour::WebDriver;

use crate::devtools;
use crate::page::{Page, RANKED};

/// Notes tasks of 50 ms and more, which browsers call long; on demand those before too.
const WATCH: &str = "window.pauses = [];
    new PerformanceObserver(list => window.pauses.push(...list.getEntries().map(one => one.duration)))
        .observe({ type: 'longtask', buffered: arguments[0] })";

/// Makes so many files, before anything is measured: a few people, as names tell.
const MAKE: &str = "const [count, done] = arguments;
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 128 });
    canvas.toBlob(blob => {
        window.made = new DataTransfer();
        for (let i = 0; i < count; i++) {
            window.made.items.add(new File([blob], `${String(i % 99 + 1).padStart(4, '0')}_c${i % 6 + 1}s1_${i}.png`));
        }
        setTimeout(done, 500);
    })";

/// Adds them to the gallery.
const ADD: &str = "const input = document.querySelector('#gallery-input');
    input.files = window.made.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));";

/// What a visitor does with a gallery of so many pictures, and the milliseconds of the longest
/// pause of the page meanwhile; 0 where none took 50 or more.
pub async fn longest(
    driver: &WebDriver,
    url: &str,
    pictures: usize,
) -> Result<Vec<(&'static str, f64)>> {
    // A desktop's: the tests' own is as tall as several, with as many tiles.
    devtools::screen(driver, 1280, 900).await?;
    let page = Page::open(driver, url, "?backend=cpu").await?;
    let ready = "return document.querySelector('#engine.ready') !== null
        && document.querySelector('#results')?.dataset.state !== 'working'";
    page.wait_for(ready).await?;
    let mut found = Vec::new();

    driver.execute_async(MAKE, vec![json!(pictures)]).await?;
    driver.execute(WATCH, vec![json!(false)]).await?;
    driver.execute(ADD, vec![]).await?;
    let added =
        format!("return document.querySelector('#results li')?.ariaSetSize === '{pictures}'");
    page.wait_for(&added).await?;
    found.push(("added", since(driver).await?));

    for (step, tile) in [("ranked", 0), ("another query", 9)] {
        let click = format!(
            "document.querySelectorAll('#results li > button:first-of-type')[{tile}].click()"
        );
        driver.execute(&click, vec![]).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        page.wait_for(RANKED).await?;
        found.push((step, since(driver).await?));
    }

    // A window at a time, then to the end and back.
    let scroll = "const done = arguments[arguments.length - 1];
        let steps = 30;
        const timer = setInterval(() => {
            if (steps-- > 0) return scrollBy(0, innerHeight);
            clearInterval(timer);
            scrollTo(0, document.body.scrollHeight);
            setTimeout(() => { scrollTo(0, 0); setTimeout(done, 300); }, 300);
        }, 50)";
    driver.execute_async(scroll, vec![]).await?;
    found.push(("scrolled", since(driver).await?));

    page.click("#show-map").await?;
    page.wait_for("return document.querySelector('#map')?.dataset.state === 'done'")
        .await?;
    found.push(("laid out as a map", since(driver).await?));

    driver.refresh().await?;
    driver.execute(WATCH, vec![json!(true)]).await?;
    page.wait_for(RANKED).await?;
    found.push(("restored at the next visit", since(driver).await?));
    Ok(found)
}

/// The longest pause since the last time.
async fn since(driver: &WebDriver) -> Result<f64> {
    // The browser tells of a task a moment after it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let script = "return Math.max(0, ...window.pauses.splice(0))";
    Ok(driver.execute(script, vec![]).await?.convert()?)
}
