//! Pages of ranked lists: their marks, what is left out, and how they answer in a browser.

use std::fs;

use anyhow::{Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::trainer::{Trained, pictures, trainer};
use thirtyfour::{By, Key, WebDriver};

/// Embeddings of a folder as `extract` writes them, with file name, identity and camera.
fn embeddings(at: &Trained, folder: &str) -> Vec<(Vec<f32>, String, i32, i32)> {
    at.run(&format!(
        "extract --model f32 --images {folder} --out e.npy"
    ));
    let bytes = fs::read(at.path("e.npy")).expect("embeddings");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let numbers: Vec<f32> = (bytes[start..].chunks_exact(4))
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let table = fs::read_to_string(at.path("e.csv")).expect("a table");
    let rows: Vec<Vec<&str>> = (table.lines().skip(1))
        .map(|line| line.split(',').collect())
        .collect();
    let width = numbers.len() / rows.len();
    let number = |text: &str| text.parse().expect("a number");
    (rows.iter().zip(numbers.chunks_exact(width)))
        .map(|(row, numbers)| {
            let name = row[0].to_string();
            (numbers.to_vec(), name, number(row[1]), number(row[2]))
        })
        .collect()
}

#[test]
fn marks_are_those_of_the_embeddings() {
    let at = Trained::make().expect("a small model");
    at.run("evaluate --model f32 --data market1501=data --html page.html --top 6 --patches 1");
    let page = at.page("page.html");
    let (queries, gallery) = (
        embeddings(&at, "data/query"),
        embeddings(&at, "data/bounding_box_test"),
    );
    let articles: Vec<&str> = page.split("<article").skip(1).collect();
    assert_eq!(articles.len(), queries.len());
    assert_eq!(page.matches("class=\"matched\"").count(), queries.len());
    for (features, name, identity, camera) in &queries {
        let article = (articles.iter())
            .find(|article| article.contains(&format!("data-name=\"{name}\"")))
            .expect("an article");
        let mut hits: Vec<(f32, bool, &str)> = (gallery.iter())
            .filter(|(_, _, i, c)| *i != -1 && (i != identity || c != camera))
            .map(|(other, name, i, _)| {
                let score = features.iter().zip(other).map(|(a, b)| a * b).sum();
                (score, i == identity, name.as_str())
            })
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown: Vec<&str> = article.split("<li").skip(1).collect();
        assert_eq!(shown.len(), 6);
        for (item, (score, right, name)) in shown.iter().zip(&hits) {
            // Hits of scores that differ by rounding may have changed places.
            if !item.contains(name) {
                let near = |other: &&(f32, bool, &str)| {
                    item.contains(other.2) && (other.0 - score).abs() < 1e-5
                };
                assert!(hits.iter().any(|other| near(&other)), "{name}");
                continue;
            }
            let (class, mark) = match right {
                true => ("class=\"yes\"", "✓ right"),
                false => ("class=\"no\"", "✗ wrong"),
            };
            assert!(item.contains(class) && item.contains(mark), "{name}");
        }
    }
}

#[test]
fn pages_without_broken_pictures() {
    let at = Trained::make().expect("a small model");
    let broken = "9999_c1s1_000000_01.jpg";
    for folder in ["data/query", "data/bounding_box_test"] {
        fs::write(at.path(folder).join(broken), b"no picture").expect("a file");
    }
    let one = pictures(&at.path("data/query"), 1, 1)
        .expect("a query")
        .remove(0);
    let lines = [
        "evaluate --model f32 --data market1501=data --html page.html".to_string(),
        format!(
            "rank --model f32 --query {} --gallery data/bounding_box_test --html page.html",
            one.display()
        ),
    ];
    for line in lines {
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && error.contains(broken),
            "{error}"
        );
        assert!(!at.path("page.html").exists());
        let line = format!("{line} --skip-broken");
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(broken), "{said}");
        let page = at.page("page.html");
        assert!(page.contains("<article") && !page.contains(broken));
        fs::remove_file(at.path("page.html")).expect("a page");
    }
}

#[test]
fn queries_from_a_folder_and_a_model_without_manifest() {
    let at = Trained::make().expect("a small model");
    let inside = at.path("asked/inside");
    fs::create_dir_all(&inside).expect("a folder");
    let some = pictures(&at.path("data/query"), 5, 3).expect("queries");
    for (path, folder) in some.iter().zip(["asked", "asked/inside", "asked/inside"]) {
        let name = path.file_name().expect("a name");
        fs::copy(path, at.path(folder).join(name)).expect("a copy");
    }
    fs::remove_file(at.path("f32/manifest.json")).expect("a manifest");
    at.run("rank --model f32 --query asked --gallery data/bounding_box_test --top 2 --json r.json");
    let rankings = at.json("r.json");
    let rankings = rankings.as_array().expect("rankings");
    assert_eq!(rankings.len(), 3);
    for path in &some {
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(rankings.iter().any(|ranking| ranking["query"] == *name));
    }
}

/// How many queries are shown, and what the page says about that.
async fn shown(driver: &WebDriver) -> Result<(u64, String)> {
    let script =
        "return [[...document.querySelectorAll('article')].filter(a => a.offsetHeight).length,
        document.getElementById('shown').textContent]";
    Ok(driver.execute(script, vec![]).await?.convert()?)
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test"]
async fn a_page_is_filtered_and_answers_keys() -> Result<()> {
    let at = Trained::make()?;
    at.run("evaluate --model f32 --data market1501=data --html page.html --patches 1");
    let page = at.page("page.html");
    let count = |what: &str| page.matches(what).count() as u64;
    let (all, wrong) = (count("<article"), count("data-first=\"wrong\""));
    ensure!(0 < wrong && wrong < all, "{wrong} of {all}");
    with_browser(async |driver| {
        let address = format!("file://{}", at.path("page.html").display());
        driver.goto(&address).await?;
        ensure!(shown(&driver).await? == (all, format!("{all} of {all}")));
        let first = driver.find(By::Id("first")).await?;
        first.send_keys("wrong").await?;
        ensure!(shown(&driver).await?.0 == wrong, "first answer wrong");
        first.send_keys("any").await?;
        let text = driver.find(By::Id("text")).await?;
        text.send_keys("c1").await?;
        let words = page.split("data-words=\"").skip(1);
        let camera = words.filter(|rest| {
            let words = rest.split('"').next().unwrap_or("");
            words.split(' ').any(|word| word == "c1")
        });
        let (camera, found) = (camera.count() as u64, shown(&driver).await?.0);
        ensure!(0 < found && found >= camera, "{found} for {camera}");
        text.clear().await?;
        text.send_keys("no such thing").await?;
        ensure!(shown(&driver).await?.0 == 0, "nothing is called so");
        text.clear().await?;
        text.send_keys(" ").await?;

        // The overlay is there at rest, and moves with the keys.
        driver.find(By::Css("summary")).await?.click().await?;
        let drawn = async || -> Result<Vec<String>> {
            let script = "return [...document.querySelector('.matched').querySelectorAll('canvas')]
                .map(canvas => canvas.toDataURL())";
            Ok(driver.execute(script, vec![]).await?.convert()?)
        };
        let blank = "const canvas = document.querySelector('.matched canvas').cloneNode();
            return canvas.toDataURL()";
        let blank: String = driver.execute(blank, vec![]).await?.convert()?;
        let rest = drawn().await?;
        ensure!(rest.iter().all(|canvas| *canvas != blank), "no overlay");
        let canvas = driver.find(By::Css(".matched canvas")).await?;
        canvas.focus().await?;
        let chosen = drawn().await?;
        ensure!(
            chosen[0] != rest[0] && chosen[1] != rest[1],
            "no answer to the focus"
        );
        canvas.send_keys(Key::Down + Key::Left).await?;
        let moved = drawn().await?;
        ensure!(
            moved[0] != chosen[0] && moved[1] != chosen[1],
            "no answer to keys"
        );
        let leave = "document.activeElement.blur()";
        driver.execute(leave, vec![]).await?;
        ensure!(drawn().await? == rest, "the overlay at rest is another");
        Ok(())
    })
    .await
}
