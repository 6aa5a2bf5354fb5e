//! What is refused and what is warned of, by `trainer doctor` and `trainer train` alike.

use std::fs;
use std::path::Path;

use dcac_tests::data_sets::{DataPlace, market_name};
use dcac_tests::trainer::{trainer, trainer_ok};
use xtask::paths;

#[test]
fn folders_and_names_that_are_not_the_layouts() {
    let mut at = DataPlace::new();
    at.fatal("market1501=nowhere", &["nowhere", "bounding_box_train"]);
    at.market("market");
    at.fatal(
        "dukemtmc=market",
        &["0001_c1s1_000001_00.png", "0001_c2_f0046182.jpg"],
    );
    at.picture("market/query/thumbnail.png");
    at.fatal(
        "market1501=market",
        &["query/thumbnail.png", "0002_c1s1_000451_03.jpg"],
    );
}

#[test]
fn files_that_cannot_be_decoded() {
    let mut at = DataPlace::new();
    at.market("market");
    for number in 10..22 {
        let name = format!("market/query/0005_c1s1_0000{number}_00.png");
        fs::write(at.path(&name), format!("no picture {number}")).expect("a file");
    }
    let first = "market/query/0005_c1s1_000010_00.png";
    at.fatal("market1501=market", &[first, "12", "and 2 more"]);
    let (_, found, _) = at.doctor("market1501=market");
    assert_eq!(
        found["findings"][0]["about"].as_array().map(Vec::len),
        Some(12)
    );
}

#[test]
fn people_and_files_that_are_trained_on_and_tested_with() {
    let mut at = DataPlace::new();
    at.market("people");
    at.picture("people/bounding_box_test/0002_c1s1_000077_00.png");
    at.fatal(
        "market1501=people",
        &["training and in the test images", "identity 2"],
    );

    at.market("files");
    let copy = |from: &str, to: &str| {
        fs::copy(at.path(from), at.path(to)).expect("a copy");
    };
    let trained = "files/bounding_box_train/0001_c1s1_000001_00.png";
    copy(trained, "files/bounding_box_test/0005_c1s1_000078_00.png");
    at.fatal(
        "market1501=files",
        &["byte for byte", "0005_c1s1_000078_00.png", trained],
    );

    // The same across two data sets, where identity numbers say nothing.
    let mut other = DataPlace::new();
    other.market("a");
    other.market("b");
    let from = other.path("a/bounding_box_train/0001_c1s1_000001_00.png");
    fs::copy(from, other.path("b/query/0006_c2s1_000078_00.png")).expect("a copy");
    let arguments = ["--data", "market1501=a", "--target", "market1501=b"];
    other.refused(&arguments, &["byte for byte", "0006_c2s1_000078_00.png"]);
    assert!(other.doctor("market1501=a").0 && other.doctor("market1501=b").0);
}

#[test]
fn what_is_legitimate_is_a_warning() {
    let mut at = DataPlace::new();
    at.market("market");
    let from = at.path("market/query/0005_c1s1_000001_00.png");
    fs::copy(from, at.path("market/query/0006_c1s1_000078_00.png")).expect("a copy");
    at.picture("market/query/0007_c1s1_000001_01.png");
    fs::remove_file(at.path("market/bounding_box_test/0007_c2s1_000002_00.png")).expect("gone");
    at.warned(
        "market1501=market",
        &[
            "16 train images for 12936",
            "4 training identities for 751",
            "0006_c1s1_000078_00.png is ",
            "2 of 8 queries",
        ],
    );
    // Not one query left: nothing can be measured.
    for camera in [1, 2] {
        for identity in [5, 6, 7] {
            let name = market_name(identity, camera, 2);
            let _ = fs::remove_file(at.path("market/bounding_box_test").join(name));
        }
    }
    at.picture("market/bounding_box_test/0000_c1s1_000002_00.png");
    at.fatal(
        "market1501=market",
        &["8 of 8 queries", "nothing can be measured"],
    );

    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    at.warned("dukemtmc=duke", &["withdrawn by its authors in 2019"]);
}

#[test]
fn several_sources_are_counted_one_by_one() {
    let mut at = DataPlace::new();
    at.market("market");
    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    let config = paths::root().join("tests/fixtures/small.toml");
    let line = "train --data market1501=market --data dukemtmc=duke --out run --set optim.epochs=1";
    let arguments = line
        .split(' ')
        .chain(["--config", config.to_str().expect("a path")]);
    let output = trainer(&at.path(""), arguments).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    for part in [
        "market1501=market  16 images, 4 identities, 2 cameras",
        "dukemtmc=duke  16 images, 4 identities, 2 cameras",
        "32 images of 8 identities",
        "withdrawn by its authors in 2019",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[test]
fn drawn_people_are_healthy() {
    let at = DataPlace::new();
    let synth = "synth --out data --domain campus --ids 12 --images-per-id 6";
    trainer_ok(Path::new(&at.path("")), synth.split(' ')).expect("drawn people");
    let (fit, found, said) = at.doctor("market1501=data");
    assert!(fit, "{said}");
    let findings = found["findings"].as_array().expect("findings");
    assert!(findings.is_empty(), "{said}");
}
