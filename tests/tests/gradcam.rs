//! Maps of what speaks for an identity.

use std::fs;

use dcac_tests::trainer::{Trained, trainer, trainer_ok};
use serde_json::Value;
use xtask::paths;

#[test]
fn two_models_side_by_side() {
    let at = Trained::make().expect("a small model");
    let config = paths::root().join("tests/fixtures/small.toml");
    let config = config.to_string_lossy();
    let line = "train --data market1501=data --set diffusion.enabled=false --out base --config";
    trainer_ok(&at.path(""), line.split(' ').chain([&*config])).expect("a baseline");
    for (identity, out) in [("predicted", "named"), ("3", "asked")] {
        let line =
            format!("gradcam --run base --run run --images data/query --out {out} --identity");
        trainer_ok(&at.path(""), line.split(' ').chain([identity])).expect("maps");
        let answers = fs::read(at.path(out).join("gradcam.json")).expect("answers");
        let answers: Value = serde_json::from_slice(&answers).expect("JSON");
        let answers = answers.as_array().expect("a list");
        let pictures = fs::read_dir(at.path("data/query"))
            .expect("a folder")
            .count();
        assert_eq!(answers.len(), 2 * pictures);
        for answer in answers {
            let overlay = answer["overlay"].as_str().expect("a file");
            let png = fs::read(at.path(out).join(overlay)).expect("an overlay");
            assert!(png.starts_with(b"\x89PNG"));
            // Width and height of the header: three panels of 96 x 48 pixels' shape.
            let size =
                |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
            assert_eq!((size(16), size(20)), (3 * 128 + 2 * 8, 256));
            let number = |key: &str| answer[key].as_u64().expect("a number");
            let probability = answer["probability"].as_f64().expect("a share");
            match identity {
                "predicted" => {
                    assert_eq!(number("identity"), number("predicted"));
                    assert!(probability >= 1.0 / 8.0, "the largest of eight");
                }
                _ => assert_eq!(number("identity"), 3),
            }
        }
    }
    for (line, said) in [
        (
            "--run run --images data/query --identity 8",
            "labels 0 to 7",
        ),
        (
            "--run run --images data/query --identity x",
            "expected a label",
        ),
        ("--run data --images data/query", "data is no run"),
        ("--run run --images nowhere.jpg", "nowhere.jpg"),
        ("--run run --images run/config.toml", "cannot decode"),
    ] {
        let line = format!("gradcam --out none {line}");
        let output = trainer(&at.path(""), line.split(' ')).expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(said),
            "{said}: {errors}"
        );
        assert!(!at.path("none").exists());
    }
}
