//! Pages of ranked lists, and calibration from evaluation to ranking.

use std::fs;

use dcac_tests::trainer::{Trained, pictures, trainer, trainer_ok};
use serde_json::Value;

fn run(at: &Trained, line: &str) -> String {
    let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(at: &Trained, name: &str) -> Value {
    serde_json::from_slice(&fs::read(at.path(name)).expect(name)).expect("JSON")
}

fn page(at: &Trained, name: &str) -> String {
    let page = fs::read_to_string(at.path(name)).expect(name);
    for foreign in ["http:", "https:", "src=\"/", "file://", "@import", "<link"] {
        assert!(!page.contains(foreign), "{name} has {foreign}");
    }
    assert!(
        !page.contains(&at.path("").display().to_string()),
        "{name} names a folder"
    );
    page
}

#[test]
fn an_evaluation_in_pictures() {
    let at = Trained::make().expect("a small model");
    run(
        &at,
        "evaluate --model f32 --data market1501=data --html page.html --json figures.json",
    );
    let figures = json(&at, "figures.json");
    let page = page(&at, "page.html");
    // Every query is there, with its first answer as the figures count it.
    let count = |what: &str| page.matches(what).count() as f64;
    let queries = figures["queries"].as_f64().expect("queries");
    assert_eq!(count("<article"), queries);
    let rank1 = figures["rank1"].as_f64().expect("Rank-1");
    assert_eq!(count("data-first=\"right\""), (rank1 * queries).round());
    assert!(count("✓ right") > 0.0 && count("✗ wrong") > 0.0);
    // The hardest first.
    let precisions: Vec<f64> = (page.split("<h4>AP ").skip(1))
        .map(|rest| {
            rest.split(' ')
                .next()
                .expect("a number")
                .parse()
                .expect("a number")
        })
        .collect();
    assert!(precisions.is_sorted() && precisions.len() as f64 == queries);

    run(
        &at,
        "evaluate --model f32 --data market1501=data --html few.html --html-queries 2",
    );
    assert_eq!(
        fs::read_to_string(at.path("few.html"))
            .expect("a page")
            .matches("<article")
            .count(),
        2
    );
}

#[test]
fn a_ranking_in_pictures() {
    let at = Trained::make().expect("a small model");
    let query = pictures(&at.path("data/query"), 9, 2).expect("queries");
    let line = |options: &str| {
        let queries: Vec<String> = (query.iter())
            .map(|path| format!("--query {}", path.display()))
            .collect();
        format!(
            "rank --model f32 {} --gallery data/bounding_box_test {options}",
            queries.join(" ")
        )
    };
    run(
        &at,
        &line("--top 7 --html page.html --patches 2 --json ranking.json"),
    );
    let page = page(&at, "page.html");
    assert_eq!(page.matches("<article").count(), 2);
    assert_eq!(page.matches("class=\"matched\"").count(), 4);
    assert_eq!(page.matches("<canvas").count(), 8);
    let rankings = json(&at, "ranking.json");
    assert_eq!(rankings.as_array().map(Vec::len), Some(2));
    for ranking in rankings.as_array().expect("rankings") {
        let results = ranking["results"].as_array().expect("results");
        assert_eq!(results.len(), 7);
        assert!(
            results
                .iter()
                .all(|hit| page.contains(hit["image"].as_str().expect("a name")))
        );
        assert!(results[0].get("probability").is_none());
    }
}

#[test]
fn calibration_reaches_the_ranking_and_changes_nothing_else() {
    let at = Trained::make().expect("a small model");
    let (weights, before) = (
        fs::read(at.path("f32/model.safetensors")),
        json(&at, "f32/manifest.json"),
    );
    let synth = "synth --out other --domain campus --ids 40 --images-per-id 8 --seed 9";
    trainer_ok(&at.path(""), synth.split(' ')).expect("drawn people");
    let said = run(
        &at,
        "evaluate --model f32 --data market1501=other --calibrate",
    );
    assert!(
        said.contains("calibration error") && said.contains("f32/manifest.json"),
        "{said}"
    );
    let mut manifest = json(&at, "f32/manifest.json");
    let found = manifest["calibration"].take();
    manifest
        .as_object_mut()
        .expect("a manifest")
        .remove("calibration");
    assert_eq!(manifest, before);
    assert_eq!(
        fs::read(at.path("f32/model.safetensors")).ok(),
        weights.ok()
    );
    for half in ["fitted", "held_out"] {
        let brier = found[half]["brier"].as_f64().expect("a Brier score");
        let right = found[half]["right"].as_f64().expect("a share");
        assert!((0.0..1.0).contains(&brier) && right > 0.0 && right < 1.0);
        let bins = found[half]["bins"].as_array().expect("bins");
        let pairs: Option<u64> = bins.iter().map(|bin| bin["pairs"].as_u64()).sum();
        assert_eq!(pairs, found[half]["pairs"].as_u64());
    }

    let query = pictures(&at.path("other/query"), 1, 1)
        .expect("a query")
        .remove(0);
    let line = format!(
        "rank --model f32 --query {} --gallery other/query --json r.json",
        query.display()
    );
    assert!(run(&at, &line).contains(" %  "));
    let (slope, offset) = (found["slope"].as_f64(), found["offset"].as_f64());
    for hit in json(&at, "r.json")["results"].as_array().expect("results") {
        let odds = slope.expect("a slope") * hit["score"].as_f64().expect("a score")
            + offset.expect("an offset");
        let expected = 1.0 / (1.0 + (-odds).exp());
        let probability = hit["probability"].as_f64().expect("a probability");
        assert!((probability - expected).abs() < 1e-5);
    }

    // Too few pairs, and scores that re-ranking has changed, tell nothing.
    let manifest = fs::read(at.path("f16/manifest.json")).ok();
    let synth = "synth --out few --domain campus --ids 4 --images-per-id 4 --seed 9";
    trainer_ok(&at.path(""), synth.split(' ')).expect("drawn people");
    for options in ["--data market1501=few", "--data market1501=other --rerank"] {
        let line = format!("evaluate --model f16 --calibrate {options}");
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        assert!(!output.status.success(), "{line}");
    }
    assert_eq!(fs::read(at.path("f16/manifest.json")).ok(), manifest);
}
