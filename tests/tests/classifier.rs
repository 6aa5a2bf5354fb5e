//! Exports that carry the training identities' classifier.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dcac_model::reid::TrainingIdentity;
use dcac_model::retrieval::reminds;
use dcac_tests::trainer::{Trained, last_checkpoint, trainer};
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

const FILES: [&str; 2] = ["classifier.safetensors", "identities.json"];

fn floats(file: &Path, tensor: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(file).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = tensors.tensor(tensor).expect(tensor);
    assert_eq!(view.dtype(), Dtype::F32);
    let (words, _) = view.data().as_chunks();
    let numbers = words.iter().map(|&word| f32::from_le_bytes(word));
    (view.shape().to_vec(), numbers.collect())
}

fn identities(model: &Path) -> Vec<TrainingIdentity> {
    let list = fs::read(model.join("identities.json")).expect("a list");
    serde_json::from_slice(&list).expect("identities")
}

/// Training images of each identity by their file names.
fn counted(data: &Path) -> BTreeMap<i32, usize> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir(data.join("bounding_box_train")).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let identity = name.split('_').next().expect("a number").parse();
        *counts.entry(identity.expect("a number")).or_default() += 1;
    }
    counts
}

#[test]
fn an_export_names_whom_a_picture_reminds_it_of() {
    let at = Trained::make().expect("a small model");
    at.run("export --run run --out model --with-classifier");
    at.run("extract --model model --images data/query --out rows.safetensors");
    at.run("gradcam --run run --images data/query --out named");
    at.run("gradcam --run run --images data/query --out asked --identity 3");
    let (shape, weights) = floats(
        &at.path("model/classifier.safetensors"),
        "classifier.weight",
    );
    let (rows, embeddings) = floats(&at.path("rows.safetensors"), "embeddings");
    assert_eq!(shape, [identities(&at.path("model")).len(), rows[1]]);
    let (named, asked) = (at.json("named/gradcam.json"), at.json("asked/gradcam.json"));
    let answers = named.as_array().expect("a list").iter();
    let answers = answers.zip(asked.as_array().expect("a list"));
    assert_eq!(answers.len(), rows[0]);
    for (embedding, (named, asked)) in embeddings.chunks(rows[1]).zip(answers) {
        let number = |answer: &serde_json::Value, key: &str| answer[key].as_f64().expect(key);
        let label = number(named, "predicted") as usize;
        let row = &weights[label * rows[1]..(label + 1) * rows[1]];
        // The embedding lacks the length that the neck's output has, which the logit tells.
        let cosine: f32 = row.iter().zip(embedding).map(|(a, b)| a * b).sum();
        let length = number(named, "logit") as f32 / cosine;
        let neck: Vec<f32> = embedding.iter().map(|value| value * length).collect();
        let found = reminds(&neck, &weights, shape[0]).expect("labels");
        assert_eq!(found[0].0, label);
        for (answer, label) in [(named, label), (asked, 3)] {
            let (_, found) = found
                .iter()
                .find(|(l, _)| *l == label)
                .expect("every label");
            let expected = number(answer, "probability");
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} for {expected}"
            );
        }
    }
}

#[test]
fn the_classifier_is_that_of_the_run_in_any_format() {
    let at = Trained::make().expect("a small model");
    for (dtype, source, out) in [
        ("f32", "--run run", "wide"),
        ("f16", "--run run", "half"),
        ("f16", "--run run", "again"),
        ("f16", "--model wide", "of-model"),
    ] {
        at.run(&format!(
            "export {source} --out {out} --dtype {dtype} --with-classifier"
        ));
        let manifest = at.json(&format!("{out}/manifest.json"));
        assert_eq!(manifest["files"].as_object().expect("files").len(), 3);
        for file in FILES {
            let path = at.path(out).join(file);
            let promise = &manifest["files"][file];
            assert_eq!(promise["bytes"], fs::metadata(&path).expect(file).len());
            let digest = Sha256::digest(fs::read(&path).expect(file));
            assert_eq!(promise["sha256"], format!("{digest:x}"), "{out}/{file}");
        }
    }
    let checkpoint = last_checkpoint(&at.path("run")).expect("a checkpoint");
    assert_eq!(
        floats(&at.path("wide/classifier.safetensors"), "classifier.weight"),
        floats(
            &checkpoint.join("model.safetensors"),
            "classifier.fc.weight"
        )
    );
    let read = |name: String| fs::read(at.path(&name)).expect("a file");
    for file in [
        "classifier.safetensors",
        "identities.json",
        "model.safetensors",
        "manifest.json",
    ] {
        for other in ["again", "of-model"] {
            let (half, other) = (
                read(format!("half/{file}")),
                read(format!("{other}/{file}")),
            );
            assert!(half == other, "{file}");
        }
    }
    let (wide, half) = (
        read("wide/classifier.safetensors".into()),
        read("half/classifier.safetensors".into()),
    );
    assert!(half.len() < wide.len());
    // Whatever it is made of, an export without it does not carry it.
    at.run("export --model wide --out without");
    assert!(
        FILES
            .iter()
            .all(|file| !at.path("without").join(file).exists())
    );
    for (options, said) in [
        ("--model f32", "f32 carries no classifier"),
        ("--model wide --format onnx", "--with-classifier"),
        ("--run run --format onnx", "--with-classifier"),
    ] {
        let line = format!("export {options} --out none --with-classifier");
        let output = trainer(&at.path(""), line.split(' ')).expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(said),
            "{line}: {errors}"
        );
        assert!(!at.path("none").exists());
    }
}

#[test]
fn identities_are_listed_in_the_order_of_labels() {
    let at = Trained::make().expect("a small model");
    at.run("synth --out more --domain park --ids 12 --images-per-id 6");
    let config = xtask::paths::root().join("tests/fixtures/small.toml");
    let config = config.display();
    at.run(&format!(
        "train --config {config} --data market1501=data --data market1501=more --set optim.epochs=1 --out both"
    ));
    let mut expected = Vec::new();
    for source in ["data", "more"] {
        let counts = counted(&at.path(source));
        expected.extend(
            counts
                .into_iter()
                .map(|(identity, images)| TrainingIdentity {
                    source: source.to_string(),
                    identity,
                    images,
                }),
        );
    }
    // A run keeps them itself.
    fs::rename(at.path("more"), at.path("away")).expect("another name");
    at.run("export --run both --out kept --with-classifier");
    assert_eq!(identities(&at.path("kept")), expected);
    // One that was begun by a program that did not.
    fs::remove_file(at.path("both/identities.json")).expect("the list");
    let line = "export --run both --out none --with-classifier";
    let output = trainer(&at.path(""), line.split(' ')).expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    for said in ["both/identities.json is missing", "market1501=more"] {
        assert!(
            !output.status.success() && errors.contains(said),
            "{errors}"
        );
    }
    fs::rename(at.path("away"), at.path("more")).expect("its name again");
    at.run("export --run both --out read --with-classifier");
    assert_eq!(identities(&at.path("read")), expected);
}
