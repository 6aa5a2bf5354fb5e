//! Pages of ranked lists, and calibration from evaluation to ranking.

use std::fs;

use dcac_tests::trainer::{Trained, pictures, trainer, trainer_ok};
use serde_json::Value;

#[test]
fn an_evaluation_in_pictures() {
    let at = Trained::make().expect("a small model");
    at.run("evaluate --model f32 --data market1501=data --html page.html --json figures.json");
    let figures = at.json("figures.json");
    let page = at.page("page.html");
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

    at.run("evaluate --model f32 --data market1501=data --html few.html --html-queries 2");
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
    at.run(&line(
        "--top 7 --html page.html --patches 2 --json ranking.json",
    ));
    let page = at.page("page.html");
    assert_eq!(page.matches("<article").count(), 2);
    assert_eq!(page.matches("class=\"matched\"").count(), 4);
    assert_eq!(page.matches("<canvas").count(), 8);
    let rankings = at.json("ranking.json");
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
fn cameras_that_no_name_tells_cannot_be_taken_out() {
    let at = Trained::make().expect("a small model");
    let query = pictures(&at.path("data/query"), 1, 1).expect("a query");
    fs::create_dir(at.path("unnamed")).expect("a folder");
    fs::copy(&query[0], at.path("unnamed/person.jpg")).expect("a copy");
    let line = "rank --model f32 --query unnamed/person.jpg --normalize-cameras --gallery";
    let output = trainer(&at.path(""), format!("{line} unnamed").split(' ')).expect("a trainer");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("unnamed tells a camera"), "{error}");
    // A query's may be unknown.
    at.run(&format!("{line} data/bounding_box_test"));
}

#[test]
fn calibration_reaches_the_ranking_and_changes_nothing_else() {
    let at = Trained::make().expect("a small model");
    let weights = fs::read(at.path("f32/model.safetensors"));
    let before = at.page("f32/manifest.json");
    let synth = "synth --out other --domain campus --ids 40 --images-per-id 8 --seed 9";
    trainer_ok(&at.path(""), synth.split(' ')).expect("drawn people");
    // A model of seconds finds no one. It does find the same picture from another camera.
    for path in pictures(&at.path("other/query"), 1, usize::MAX).expect("queries") {
        let name = path.file_name().expect("a name").to_string_lossy();
        let (identity, _) = name.split_once('_').expect("an identity");
        let (_, rest) = name.split_once("s1_").expect("a frame");
        let copy = format!("other/bounding_box_test/{identity}_c9s1_{rest}");
        fs::copy(&path, at.path(&copy)).expect("a copy");
    }
    let said = at.run("evaluate --model f32 --data market1501=other --calibrate");
    assert!(
        said.contains("calibration error") && said.contains("f32/manifest.json"),
        "{said}"
    );
    // To the last digit: all lines are there still.
    let after = at.page("f32/manifest.json");
    let mut lines = after.lines();
    for line in before.lines() {
        assert!(lines.any(|kept| kept == line), "{line} is lost");
    }
    let found = at.json("f32/manifest.json")["calibration"].take();
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
    assert!(at.run(&line).contains(" %  "));
    let (slope, offset) = (found["slope"].as_f64(), found["offset"].as_f64());
    for hit in at.json("r.json")["results"].as_array().expect("results") {
        let odds = slope.expect("a slope") * hit["score"].as_f64().expect("a score")
            + offset.expect("an offset");
        let expected = 1.0 / (1.0 + (-odds).exp());
        let probability = hit["probability"].as_f64().expect("a probability");
        assert!((probability - expected).abs() < 1e-5);
    }

    // The answers that people look at were measured too, on the half that was not fitted on.
    let seen = &found["held_out_answers"];
    assert!(seen["right"].as_f64() > found["held_out"]["right"].as_f64());
    assert!(seen["pairs"].as_u64() < found["held_out"]["pairs"].as_u64());

    // For another prior, log-odds move by the same everywhere.
    at.run("evaluate --model f32 --data market1501=other --calibrate --prior 0.001");
    let rarer = at.json("f32/manifest.json")["calibration"].take();
    let number = |entry: &Value, key: &str| entry[key].as_f64().expect("a number");
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    assert_eq!(number(&rarer, "prior"), 0.001);
    assert!((number(&rarer, "slope") - number(&found, "slope")).abs() < 1e-9);
    let moved = number(&rarer, "offset") - number(&found, "offset");
    let expected = log_odds(0.001) - log_odds(number(&found, "prior"));
    assert!((moved - expected).abs() < 1e-9);
    assert!((number(&rarer["held_out"], "right") - 0.001).abs() < 1e-9);
    assert!(rarer.get("held_out_answers").is_none());

    // Scores of embeddings normalised by camera mean something else, and both are kept.
    at.run("evaluate --model f32 --data market1501=other --normalize-cameras --calibrate");
    let manifest = at.json("f32/manifest.json");
    assert_eq!(manifest["calibration"], rarer);
    let normalized = &manifest["calibration_normalized"];
    assert_ne!(number(normalized, "slope"), number(&found, "slope"));
    at.run(&format!("{line} --normalize-cameras"));
    let first = at.json("r.json")["results"][0].take();
    let odds = number(normalized, "slope") * number(&first, "score") + number(normalized, "offset");
    let expected = 1.0 / (1.0 + (-odds).exp());
    assert!((number(&first, "probability") - expected).abs() < 1e-5);

    // Embeddings with mirror images are others: it is not theirs.
    at.run("export --model f32 --out both --flip");
    assert_eq!(at.json("both/config.json")["flip"], true);
    let facts = at.json("both/manifest.json");
    for of_others in ["calibration", "calibration_normalized", "metrics"] {
        assert!(facts.get(of_others).is_none(), "{of_others}");
    }
    assert!(facts["provenance"].is_object());
    at.run("export --model f32 --out same");
    assert_eq!(at.json("same/manifest.json")["calibration"], rarer);

    // Too few pairs, and scores that re-ranking has changed, tell nothing.
    let manifest = fs::read(at.path("f16/manifest.json")).ok();
    let synth = "synth --out few --domain campus --ids 4 --images-per-id 4 --seed 9";
    trainer_ok(&at.path(""), synth.split(' ')).expect("drawn people");
    for options in [
        "--data market1501=few",
        "--data market1501=other --rerank",
        "--data market1501=other --prior 0",
    ] {
        let line = format!("evaluate --model f16 --calibrate {options}");
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        assert!(!output.status.success(), "{line}");
    }
    assert_eq!(fs::read(at.path("f16/manifest.json")).ok(), manifest);
}
