//! The site around its program: before it runs, without a network, after an update, and for
//! people who do not see it.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::place::Place;
use dcac_tests::served::Served;
use dcac_tests::site::Site;
use dcac_tests::trainer::pictures;
use dcac_tests::{axe, devtools};
use serde_json::{Value, json};
use thirtyfour::WebDriver;
use xtask::{assets, paths};

const SCREENS: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 900)];
const SAMPLES: usize = 12;
/// How long the page may take to do anything.
const LIMIT: Duration = Duration::from_secs(60);

/// A site with sample pictures and without a model, as few of these tests need one.
fn site() -> Result<Site> {
    let place = Place::with_data()?;
    let samples = pictures(&place.path("data/bounding_box_test"), 1, SAMPLES)?;
    Site::serve(&[], &samples)
}

async fn told<T: serde::de::DeserializeOwned>(driver: &WebDriver, script: &str) -> Result<T> {
    Ok(driver.execute(script, vec![]).await?.convert()?)
}

/// Waits for a script to return true. Unlike [`Page::wait_for`] it does not mind that the site
/// has no model.
async fn until(driver: &WebDriver, script: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    while !told::<bool>(driver, script).await? {
        ensure!(Instant::now() < end, "still not: {script}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn keep_screenshot(driver: &WebDriver, name: &str) -> Result<()> {
    let folder = paths::target().join("screenshots");
    fs::create_dir_all(&folder)?;
    driver
        .screenshot(&folder.join(format!("{name}.png")))
        .await?;
    Ok(())
}

/// Waits for the service worker, which keeps the site from then on.
async fn kept(driver: &WebDriver) -> Result<()> {
    let script = "const done = arguments[arguments.length - 1];
        navigator.serviceWorker.ready.then(function active({ active: worker }) {
            if (worker.state === 'activated') return done(worker.state);
            worker.addEventListener('statechange', () => done(worker.state), { once: true });
        }, error => done(String(error)))";
    let state: String = driver.execute_async(script, vec![]).await?.convert()?;
    ensure!(state == "activated", "the service worker is {state}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_page_is_seen_before_its_program() -> Result<()> {
    let site = site()?;
    with_browser(async |driver| {
        for (screen, width, height) in SCREENS {
            devtools::screen(&driver, width, height).await?;
            let layout = "['.banner', 'h1', '.lead', 'main', '.query', '.gallery'].map(name => {
                const { x, y } = document.querySelector(name).getBoundingClientRect();
                return [name, x, y, document.querySelector('main').clientWidth].join(' ');
            })";
            let words = "['h1', '.lead', '.promise', 'h2'].map(name =>
                document.querySelector(name).textContent)";
            let mut before = None;
            for blocked in ["boot.js", "dcac-web_bg.wasm"] {
                devtools::block(&driver, &[blocked]).await?;
                driver.goto(site.url()).await?;
                let shown: bool = told(
                    &driver,
                    "return ['h1', '.silhouette', '.ghosts i', 'progress'].every(name =>
                        document.querySelector(name).checkVisibility()
                        && document.querySelector(name).getBoundingClientRect().height > 0)",
                )
                .await?;
                ensure!(shown, "without {blocked} the page is empty");
                let seen: (Vec<String>, Vec<String>) =
                    told(&driver, &format!("return [{layout}, {words}]")).await?;
                before = Some(seen);
                until(
                    &driver,
                    "return document.querySelector('.late').checkVisibility({ visibilityProperty: true })",
                )
                .await?;
                for scheme in ["light", "dark"] {
                    devtools::prefer(&driver, scheme).await?;
                    keep_screenshot(&driver, &format!("{screen}-without-{blocked}-{scheme}"))
                        .await?;
                    let found = axe::violations(&driver).await?;
                    ensure!(found.is_empty(), "{screen}, {scheme}: {found:#?}");
                }
            }
            devtools::block(&driver, &[]).await?;
            let before = before.context("nothing was blocked")?;
            // This site has no model. Once the page knows, it says so and looks another way; what
            // counts is the moment before, which may be over by the time that it is asked.
            let first = format!(
                "const starting = document.querySelector('#engine').textContent === 'Engine: starting';
                return starting ? [{layout}, {words}] : null"
            );
            let mut after = None;
            for _ in 0..20 {
                Page::open(&driver, &site.url(), "").await?;
                after = told::<Option<(Vec<String>, Vec<String>)>>(&driver, &first).await?;
                if after.is_some() {
                    break;
                }
            }
            let after = after.context("the page was never seen without knowing of a model")?;
            ensure!(before == after, "{screen}: {before:#?} became {after:#?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_page_works_without_a_network_after_the_first_visit() -> Result<()> {
    let mut site = site()?;
    let url = site.url();
    with_browser(async |driver| {
        Page::open(&driver, &url, "").await?;
        kept(&driver).await?;
        site.stop();
        for query in ["", "?backend=cpu"] {
            Page::open(&driver, &url, query).await?;
            let all =
                format!("return document.querySelectorAll('#results .tile').length === {SAMPLES}");
            until(&driver, &all).await?;
            // Not only named, but seen.
            until(
                &driver,
                "return [...document.querySelectorAll('#results img')]
                    .slice(0, 3).every(image => image.naturalWidth > 0)",
            )
            .await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn a_new_version_takes_the_place_of_the_old_one_whole() -> Result<()> {
    let site = site()?;
    let style = site.folder().join("style.css");
    let old = fs::read_to_string(&style)?;
    // Which version of the two files is there: the page itself, and one that it loads.
    let versions = "return [document.title,
        getComputedStyle(document.documentElement).getPropertyValue('--version')]";
    let change = |path: &Path, from: &str, to: &str| -> Result<()> {
        let text = fs::read_to_string(path)?;
        ensure!(text.contains(from), "{} has no {from}", path.display());
        Ok(fs::write(path, text.replace(from, to))?)
    };
    with_browser(async |driver| {
        let url = site.url();
        Page::open(&driver, &url, "").await?;
        let first: (String, String) = told(&driver, versions).await?;
        ensure!(first.1.is_empty(), "a version before there is one");
        kept(&driver).await?;

        // Half of a version: its list and its page are there, its style is not.
        change(&site.folder().join("index.html"), "<title>", "<title>New: ")?;
        fs::write(&style, format!(":root {{ --version: new; }}\n{old}"))?;
        assets::write_lists(site.folder())?;
        let new = fs::read_to_string(&style)?;
        fs::write(&style, &old)?;
        let update = "const done = arguments[arguments.length - 1];
            navigator.serviceWorker.ready.then(site => {
                site.addEventListener('updatefound', () => {
                    const next = site.installing;
                    next.addEventListener('statechange', () => done(next.state), { once: true });
                }, { once: true });
                return site.update();
            }).catch(() => {})";
        Page::open(&driver, &url, "").await?;
        let state: String = driver.execute_async(update, vec![]).await?.convert()?;
        ensure!(state == "redundant", "half of a version is {state}");
        driver.refresh().await?;
        let same: (String, String) = told(&driver, versions).await?;
        ensure!(same == first, "half of a version is shown: {same:?}");

        // The other half arrives. The open page keeps its own version.
        fs::write(&style, &new)?;
        until(
            &driver,
            "navigator.serviceWorker.getRegistration().then(site => {
                window.waits = site.waiting !== null;
                if (!site.waiting && !site.installing) site.update();
            });
            return window.waits === true",
        )
        .await?;
        let same: (String, String) = told(&driver, versions).await?;
        ensure!(same == first, "an open page has become another: {same:?}");
        let served: String = driver
            .execute_async(
                "const done = arguments[arguments.length - 1];
                fetch('./style.css').then(answer => answer.text()).then(done)",
                vec![],
            )
            .await?
            .convert()?;
        ensure!(served == old, "an open page gets files of another version");

        // Once it was left, the next one is the new one, and all of it.
        driver.goto("about:blank").await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        driver.goto(&url).await?;
        until(
            &driver,
            "return document.title.startsWith('New: ') && document.readyState === 'complete'",
        )
        .await?;
        let now: (String, String) = told(&driver, versions).await?;
        ensure!(now.1 == "new", "a new page in an old style: {now:?}");
        let caches: Vec<String> = driver
            .execute_async(
                "caches.keys().then(arguments[arguments.length - 1])",
                vec![],
            )
            .await?
            .convert()?;
        let versions = caches.iter().filter(|name| !name.ends_with(" models"));
        ensure!(versions.count() == 1, "caches of old versions: {caches:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn the_site_can_be_installed() -> Result<()> {
    let site = site()?;
    with_browser(async |driver| {
        Page::open(&driver, &site.url(), "").await?;
        kept(&driver).await?;
        let manifest = devtools::command(&driver, "Page.getAppManifest", json!({})).await?;
        ensure!(manifest["errors"] == json!([]), "{manifest:#}");
        let text = manifest["data"].as_str().context("no manifest")?;
        let icons: Value = serde_json::from_str(text)?;
        for icon in icons["icons"].as_array().context("no icons")? {
            let address = icon["src"].as_str().context("no address")?;
            let size: u32 = driver
                .execute_async(
                    "const done = arguments[arguments.length - 1];
                    const image = new Image();
                    image.onload = () => done(image.naturalWidth);
                    image.onerror = () => done(0);
                    image.src = arguments[0]",
                    vec![json!(address)],
                )
                .await?
                .convert()?;
            let promised = icon["sizes"].as_str().context("no size")?;
            let right = promised == "any" || promised == format!("{size}x{size}");
            ensure!(
                size > 0 && right,
                "{address} is {size} wide, not {promised}"
            );
        }
        let found = devtools::command(&driver, "Page.getInstallabilityErrors", json!({})).await?;
        ensure!(found["installabilityErrors"] == json!([]), "{found:#}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn nothing_can_be_sent_to_or_fetched_from_elsewhere() -> Result<()> {
    let site = site()?;
    with_browser(async |driver| {
        Page::open(&driver, &site.url(), "").await?;
        // The policy's own words: without them, a missing network would look the same.
        for (attempt, directive) in [
            ("fetch('https://example.org/', { method: 'POST', body: 'x' }).catch(() => {})", "connect-src"),
            ("new Image().src = 'https://example.org/x.png'", "img-src"),
            ("navigator.sendBeacon('https://example.org/', 'x')", "connect-src"),
            ("new WebSocket('wss://example.org/')", "connect-src"),
            ("document.body.append(Object.assign(document.createElement('script'), { src: 'https://example.org/x.js' }))", "script-src-elem"),
            ("document.body.append(Object.assign(document.createElement('iframe'), { src: 'https://example.org/' }))", "frame-src"),
        ] {
            let script = format!(
                "const done = arguments[arguments.length - 1];
                document.addEventListener('securitypolicyviolation',
                    event => done(event.effectiveDirective), {{ once: true }});
                try {{ {attempt} }} catch {{}}"
            );
            let refused: String = driver.execute_async(script, vec![]).await?.convert()?;
            ensure!(refused == directive, "{attempt}: {refused}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn axe_finds_nothing_serious() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    let mut found = Vec::new();
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        for state in ["open", "ranked"] {
            if state == "ranked" {
                page.rank(&query, &gallery).await?;
            }
            for (screen, width, height) in SCREENS {
                devtools::screen(&driver, width, height).await?;
                for scheme in ["light", "dark"] {
                    devtools::prefer(&driver, scheme).await?;
                    keep_screenshot(&driver, &format!("{screen}-{state}-{scheme}")).await?;
                    for violation in axe::violations(&driver).await? {
                        found.push(format!("{state}, {screen}, {scheme}: {violation}"));
                    }
                }
            }
        }
        Ok(())
    })
    .await?;
    if !found.is_empty() {
        bail!("{found:#?}");
    }
    Ok(())
}
