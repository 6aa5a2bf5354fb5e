//! Bringing pictures to the built site: large galleries, labels, what is kept and files that are
//! none.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::served::Served;
use serde_json::json;
use thirtyfour::extensions::cdp::ChromeDevTools;

/// Copies of drawn crops whose names say nothing.
fn nameless(folder: &Path, crops: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let copy = |(number, crop): (usize, &PathBuf)| {
        let path = folder.join(format!("someone-{number:02}.jpg"));
        fs::copy(crop, &path)?;
        Ok(path)
    };
    crops.iter().enumerate().map(copy).collect()
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn of_thousands_of_pictures_few_are_in_the_page() -> Result<()> {
    const COUNT: usize = 3000;
    let served = Served::start()?;
    let (_, gallery) = served.trained.drawn()?;
    let bytes = fs::read(&gallery[0])?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(1280, 900).await?;
        let script = "const [bytes, count] = arguments;
            const data = new DataTransfer();
            for (let number = 0; number < count; number++) {
                data.items.add(new File([new Uint8Array(bytes)], `one-${number}.jpg`));
            }
            const input = document.querySelector('#gallery-input');
            input.files = data.files;
            input.dispatchEvent(new Event('change', { bubbles: true }))";
        driver
            .execute(script, vec![json!(bytes), json!(COUNT)])
            .await?;
        page.wait_for(&format!(
            "return document.querySelector('#results li')?.ariaSetSize === '{COUNT}'"
        ))
        .await?;
        for (width, columns) in [(1280, 6), (390, 3)] {
            page.resize(width, 900).await?;
            page.wait_for("scrollTo(0, 0); return document.querySelector('[data-name=\"one-0.jpg\"]') !== null")
                .await?;
            let count = "return document.querySelectorAll('#results .tile').length";
            let tiles: usize = page.value(count).await?;
            ensure!(
                (columns..200).contains(&tiles),
                "{tiles} tiles at the beginning, {width} wide"
            );
            let long = "return document.documentElement.scrollHeight";
            let before: f64 = page.value(long).await?;
            page.wait_for(
                "scrollTo(0, document.querySelector('#results').getBoundingClientRect().bottom
                    + scrollY - innerHeight);
                const last = document.querySelector('[data-name=\"one-2999.jpg\"]');
                const place = last?.getBoundingClientRect();
                return place !== undefined && place.top > 0 && place.bottom <= innerHeight + 1",
            )
            .await?;
            let last: String = page
                .value("return document.querySelector('#results li:last-child').ariaPosInSet")
                .await?;
            ensure!(last == COUNT.to_string(), "the last tile is number {last}");
            let tiles: usize = page.value(count).await?;
            ensure!(tiles < 200, "{tiles} tiles at the end, {width} wide");
            let after: f64 = page.value(long).await?;
            ensure!(
                (before - after).abs() < 2.0,
                "the page was {before} long and is {after}"
            );
        }
        page.click("#edit-labels").await?;
        page.click("#more-labels").await?;
        page.wait_for("return document.querySelector('#labels tbody tr')?.dataset.name === 'one-50.jpg'")
            .await?;
        Ok(())
    })
    .await
}

/// Types into a field of the table of labels and leaves it.
fn typed(name: &str, field: &str, text: &str) -> String {
    format!(
        "const field = document.querySelector('#labels [data-name=\"{name}\"] .{field}');
        field.value = '{text}';
        field.dispatchEvent(new Event('change', {{ bubbles: true }}));
        return true"
    )
}

/// What the browser keeps: pictures, embeddings, caches.
const KEPT: &str = "return new Promise(done => {
    const open = indexedDB.open('re-identification');
    open.onsuccess = () => {
        const all = open.result.transaction(['pictures', 'embeddings']);
        const counts = ['pictures', 'embeddings'].map(name => all.objectStore(name).count());
        all.oncomplete = async () => {
            open.result.close();
            // The site's own files are nothing of the visitor's.
            const caught = (await caches.keys()).filter(name => !name.startsWith('dcac site '));
            done([...counts.map(count => count.result), caught.length]);
        };
    };
})";

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn labels_are_measured_and_kept_until_all_is_deleted() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    let folder = tempfile::tempdir()?;
    let gallery = nameless(folder.path(), &gallery[..12])?;
    with_browser(async |driver| {
        // All that the page says of its progress, from its first moment on.
        let watch = "window.said = [];
            new MutationObserver(() => {
                const text = document.querySelector('#status')?.textContent;
                if (text && text !== said.at(-1)) said.push(text);
            }).observe(document, { subtree: true, childList: true, characterData: true })";
        ChromeDevTools::new(driver.handle.clone())
            .execute_cdp_with_params(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({ "source": watch }),
            )
            .await?;
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.rank(&query, &gallery).await?;
        // The name of the query gives its identity; nobody in the gallery has one.
        let marked = "return document.querySelectorAll('#results .mark').length";
        ensure!(page.value::<usize>(marked).await? == 0, "marks without labels");
        ensure!(page.text("measures").await?.is_empty(), "measures without labels");

        page.click("#edit-labels").await?;
        let rows: usize = page
            .value("return document.querySelectorAll('#labels tbody tr').length")
            .await?;
        ensure!(rows == gallery.len() + 1, "{rows} rows");
        for (name, identity, camera) in [
            ("someone-00.jpg", 7, 1),
            ("someone-01.jpg", 7, 2),
            ("someone-02.jpg", 8, 1),
        ] {
            page.wait_for(&typed(name, "identity", &identity.to_string())).await?;
            page.wait_for(&typed(name, "of-camera", &camera.to_string())).await?;
        }
        page.wait_for("return document.querySelector('#measures') !== null")
            .await?;
        let queries = page.text("measures").await?;
        ensure!(queries.contains("2 pictures as queries"), "{queries}");
        // Now the one of the other person is the first one's too, and its like is lost.
        let first = "return document.querySelector('#measures').dataset.map";
        let before: String = page.value(first).await?;
        page.wait_for(&typed("someone-02.jpg", "identity", "7")).await?;
        page.says("#measures", "3 pictures as queries")
            .await?;
        let after: String = page.value(first).await?;
        ensure!(before != after, "mAP stays {before}");

        page.wait_for(&typed("someone-02.jpg", "identity", "x9")).await?;
        page.wait_for(
            "return document.querySelector('#labels [data-name=\"someone-02.jpg\"] [aria-invalid]') !== null",
        )
        .await?;
        let caption = "return document.querySelector('#results [data-name=\"someone-02.jpg\"] .caption:last-child').textContent";
        let kept: String = page.value(caption).await?;
        ensure!(kept == "ID 7 · cam 1", "taken: {kept}");
        // The query is the same person as those.
        let own = query.file_name().context("a name")?.to_string_lossy().to_string();
        page.wait_for(&typed(&own, "identity", "7")).await?;
        page.wait_for("return document.querySelectorAll('#results .right').length === 3")
            .await?;
        page.wait_for(&typed("someone-03.jpg", "identity", "9")).await?;
        page.wait_for("return document.querySelectorAll('#results .wrong').length === 1")
            .await?;

        // The filter, and one label for all that it finds.
        page.wait_for(
            "const find = document.querySelector('#find-label'); find.value = 'SOMEONE-1';
            find.dispatchEvent(new Event('input', { bubbles: true })); return true",
        )
        .await?;
        page.wait_for("return document.querySelectorAll('#labels tbody tr').length === 2")
            .await?;
        page.wait_for(
            "const field = document.querySelector('#labels .tool .identity'); field.value = '12';
            field.dispatchEvent(new Event('change', { bubbles: true }));
            document.querySelector('#set-all').click(); return true",
        )
        .await?;
        page.wait_for("return document.querySelectorAll('#results .wrong').length === 3")
            .await?;
        page.wait_for("return !document.querySelector('#kept').classList.contains('hidden')")
            .await?;
        page.ranked().await?;

        let computed = "return said.filter(text => /^Comparing: [1-9]/.test(text)).length";
        ensure!(page.value::<usize>(computed).await? > 0, "nothing was computed");
        // Embeddings are kept when a job is through; labels as soon as they are typed.
        page.wait_for(&format!(
            "const kept = async () => {{ {KEPT} }};
            return kept().then(([pictures, embeddings]) => pictures === 12 && embeddings === 12)"
        ))
        .await?;

        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let hits = page.ranked().await?;
        ensure!(hits.len() == gallery.len() - 1, "{} hits", hits.len());
        ensure!(
            page.value::<usize>(computed).await? == 0,
            "embeddings were computed again: {}",
            page.value::<String>("return said.join('; ')").await?
        );
        let captions: Vec<String> = page
            .value("return [...document.querySelectorAll('#results .result button .caption')].map(one => one.textContent)")
            .await?;
        for (label, count) in [("ID 7 · cam ", 2), ("ID 12", 2), ("ID 9", 1)] {
            let found = captions.iter().filter(|text| text.starts_with(label)).count();
            ensure!(found == count, "{found} of {label}: {captions:?}");
        }

        page.click("#delete").await?;
        page.click("#delete-really").await?;
        page.wait_for("return document.querySelector('#deleted').textContent !== ''")
            .await?;
        let left: (usize, usize, usize) = page.value(KEPT).await?;
        ensure!(left == (0, 0, 0), "left: {left:?}");
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.wait_for("return document.querySelector('#status').textContent === 'Ready'")
            .await?;
        let tiles: usize = page
            .value("return document.querySelectorAll('#results .tile').length")
            .await?;
        ensure!(tiles == 0, "{tiles} pictures are back");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn as_many_hits_are_shown_as_one_wants() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let all = page.rank(&query, &gallery).await?;
        let choose = |count: &str| {
            format!(
                "const top = document.querySelector('#top'); top.value = '{count}';
                top.dispatchEvent(new Event('change', {{ bubbles: true }})); return true"
            )
        };
        page.wait_for(&choose("20")).await?;
        ensure!(page.results().await? == all[..20], "not the first 20");
        let said: String = page
            .value("return document.querySelector('.summary').textContent")
            .await?;
        let expected = format!("First 20 of {} pictures.", all.len());
        ensure!(said.starts_with(&expected), "it says: {said}");
        page.wait_for(&choose("all")).await?;
        ensure!(page.results().await? == all, "not all");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn files_that_are_no_pictures_are_named_with_the_reason() -> Result<()> {
    let served = Served::start()?;
    let (query, gallery) = served.trained.drawn()?;
    let folder = tempfile::tempdir()?;
    let jpeg = fs::read(&gallery[0])?;
    let mut far = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    // 70000 by 10 pixels, RGB, and the checksum of that.
    far.extend([0, 1, 0x11, 0x70, 0, 0, 0, 10, 8, 2, 0, 0, 0]);
    far.extend(crc(&far[12..]).to_be_bytes());
    far.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    let files: [(&str, &[u8], &str); 7] = [
        ("notes.txt", b"not a picture", "text/plain"),
        ("empty.jpg", b"", "empty"),
        ("cut.jpg", &jpeg[..jpeg.len() / 3], "not a readable"),
        ("moving.gif", b"GIF89a\x01\0\x01\0\0\0\0;", "GIF"),
        ("renamed.jpg", b"GIF89a\x01\0\x01\0\0\0\0;", "Gif"),
        ("wide.png", &far, "70000"),
        (
            "phone.heic",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "save it as JPEG",
        ),
    ];
    let mut chosen = gallery[..4].to_vec();
    for (name, bytes, _) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes)?;
        chosen.insert(1, path);
    }
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        let hits = page.rank(&query, &chosen).await?;
        ensure!(hits.len() == 4, "{} hits", hits.len());
        let lines: Vec<String> = page
            .value(
                "return [...document.querySelectorAll('#error li')].map(line => line.textContent)",
            )
            .await?;
        println!("{lines:#?}");
        ensure!(
            lines.len() == files.len(),
            "{} files are named",
            lines.len()
        );
        for (name, _, reason) in files {
            let line = lines.iter().find(|line| line.starts_with(name));
            let line = line.with_context(|| format!("{name} is not named"))?;
            ensure!(line.contains(reason), "no `{reason}` in `{line}`");
        }
        Ok(())
    })
    .await
}

/// CRC-32 as PNG computes it.
fn crc(bytes: &[u8]) -> u32 {
    let step = |rest: u32, byte: &u8| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| {
            (rest >> 1) ^ (0xedb8_8320 * (rest & 1))
        })
    };
    !bytes.iter().fold(!0, step)
}
