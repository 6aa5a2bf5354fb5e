//! What `trainer evaluate` measures beside CMC and mAP, and that memory changes nothing.

use std::fs;

use dcac_tests::trainer::{Trained, trainer};
use serde_json::Value;

/// What an evaluation says, and what it writes.
fn evaluate(at: &Trained, options: &str) -> (String, Value) {
    let line = format!("evaluate --model f32 --data market1501=data --json figures.json {options}");
    let output = trainer(&at.path(""), line.split_whitespace()).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    let figures = fs::read(at.path("figures.json")).expect("figures");
    (said, serde_json::from_slice(&figures).expect("JSON"))
}

#[test]
fn measures_that_are_asked_for() {
    let at = Trained::make().expect("a small model");
    let (said, plain) = evaluate(&at, "");
    assert!(said.contains("Rank-1 ") && said.contains("Rank-10 ") && said.contains("mINP"));
    for absent in [
        "roc",
        "cameras",
        "normalized_cameras",
        "reranked",
        "expanded_by",
        "broken",
    ] {
        assert!(plain.get(absent).is_none(), "{absent}");
    }

    let (said, found) = evaluate(&at, "--ranks 1,3,30 --fpr 0.01,1 --by-camera --memory 1");
    assert!(said.contains("Rank-3 ") && said.contains("Rank-30 ") && !said.contains("Rank-5 "));
    assert_eq!(found["cmc"].as_array().map(Vec::len), Some(30));
    assert_eq!(found["map"], plain["map"]);
    // All pairs are accepted at a rate of one.
    assert_eq!(found["roc"][1]["tpr"], 1.0);
    assert!(found["roc"][0]["tpr"].as_f64() < Some(1.0));
    let cameras = found["cameras"].as_array().expect("cameras");
    assert!(!cameras.is_empty() && said.contains("gallery camera"));
    // Drawn people are never matched within a camera.
    assert!(cameras.iter().all(|pair| pair["query"] != pair["gallery"]));

    let (said, normalized) = evaluate(&at, "--normalize-cameras --html page.html");
    for shown in [said, at.page("page.html")] {
        assert!(shown.contains("embeddings normalised by camera"));
    }
    assert_eq!(normalized["normalized_cameras"], true);
    assert_ne!(normalized["map"], plain["map"]);

    let (said, reranked) = evaluate(&at, "--rerank");
    assert!(said.contains("k1 20, k2 6, lambda 0.3"));
    assert_ne!(reranked["map"], plain["map"]);
    // The original distance alone keeps the order.
    assert_eq!(evaluate(&at, "--rerank 20,6,1").1["map"], plain["map"]);
    let (said, expanded) = evaluate(&at, "--expand-queries 3");
    assert!(said.contains("3 nearest"));
    assert_ne!(expanded["map"], plain["map"]);
}

#[test]
fn broken_images_are_left_out_on_request() {
    let at = Trained::make().expect("a small model");
    let names = |folder: &str| {
        let folder = fs::read_dir(at.path(folder)).expect("a folder");
        let mut names: Vec<_> = folder
            .map(|entry| entry.expect("an entry").path())
            .collect();
        names.sort();
        names
    };
    // The first of a gallery are junk, which nobody looks at.
    for folder in ["data/query", "data/bounding_box_test"] {
        let path = names(folder).pop().expect("an image");
        fs::write(path, "no picture").expect("a broken file");
    }
    let line = "evaluate --model f32 --data market1501=data";
    let refused = trainer(&at.path(""), line.split(' ')).expect("a trainer");
    assert!(!refused.status.success());
    let (_, found) = evaluate(&at, "--skip-broken");
    assert_eq!(found["broken"].as_array().map(Vec::len), Some(2));
}

#[test]
fn wrong_options_are_refused_by_name() {
    let at = Trained::make().expect("a small model");
    for (options, said) in [
        ("--ranks 0", "--ranks"),
        ("--fpr 2", "2"),
        ("--rerank 20,6", "K1,K2,LAMBDA"),
        ("--rerank 20,6,3", "K1,K2,LAMBDA"),
        ("--memory 0", "mebibytes"),
    ] {
        let line = format!("evaluate --model f32 --data market1501=data {options}");
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{options}");
        assert!(
            error.contains(said) && !error.contains("panicked"),
            "{options}: {error}"
        );
    }
}
