//! What the trainer says to its users when something is wrong: an exit code, a message that
//! names the thing, and nothing half-written.

use std::fs;

use dcac_tests::trainer::{Trained, pictures, trainer};
use xtask::paths;

/// A trained model, its data, an empty folder, and crops one of which is broken.
fn prepare() -> Trained {
    let trained = Trained::make().expect("a small model");
    fs::create_dir(trained.path("empty")).expect("an empty folder");
    fs::create_dir(trained.path("crops")).expect("a folder of crops");
    let whole = pictures(&trained.path("data/query"), 1, 3).expect("queries");
    for path in &whole {
        let name = path.file_name().expect("a name");
        fs::copy(path, trained.path("crops").join(name)).expect("a copied crop");
    }
    fs::copy(&whole[0], trained.path("whole.jpg")).expect("a copied crop");
    fs::write(trained.path("crops/broken.jpg"), "no picture").expect("a broken picture");
    trained
}

/// Runs a command line in the prepared folder, where `CONFIG` stands for the small configuration.
/// It must fail, say each of `expected`, and leave nothing at `out`.
fn fails(at: &Trained, line: &str, out: &str, expected: &[&str]) {
    let config = paths::root().join("tests/fixtures/small.toml");
    let arguments = line.split(' ').map(|part| match part {
        "CONFIG" => config.as_os_str().to_owned(),
        part => part.into(),
    });
    let folder = at.path("");
    let output = trainer(&folder, arguments).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "succeeded: {line}");
    assert!(!said.contains("panicked"), "{line}: {said}");
    for part in expected {
        assert!(said.contains(part), "{line}: no `{part}` in: {said}");
    }
    assert!(!folder.join(out).exists(), "{line}: left {out}");
    let drafts = fs::read_dir(&folder).expect("the prepared folder");
    let drafts = drafts.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let drafts: Vec<String> = drafts.filter(|name| name.contains("draft")).collect();
    assert!(drafts.is_empty(), "{line}: left {drafts:?}");
}

#[test]
fn wrong_paths() {
    let at = prepare();
    let line = "train --config CONFIG --data market1501=nowhere --out o1";
    fails(&at, line, "o1", &["nowhere", "bounding_box_train"]);
    fails(
        &at,
        "train --config gone.toml --data market1501=data --out o2",
        "o2",
        &["gone.toml"],
    );
    fails(
        &at,
        "evaluate --model gone --data market1501=data --json o3",
        "o3",
        &["gone", "trainer export"],
    );
    fails(
        &at,
        "rank --model f16 --query gone.jpg --gallery crops --json o4",
        "o4",
        &["gone.jpg"],
    );
    fails(
        &at,
        "rank --model f16 --query whole.jpg --gallery gone --json o5",
        "o5",
        &["gone"],
    );
    fails(
        &at,
        "export --run gone --out o6",
        "o6",
        &["gone", "trainer train"],
    );
    fails(
        &at,
        "extract --model f16 --images gone --out o7.npy",
        "o7.npy",
        &["gone"],
    );
}

#[test]
fn empty_folders() {
    let at = prepare();
    fails(
        &at,
        "train --config CONFIG --data market1501=empty --out o10",
        "o10",
        &["empty"],
    );
    fails(
        &at,
        "evaluate --model f16 --data market1501=empty --json o11",
        "o11",
        &["empty", "query"],
    );
    fails(
        &at,
        "rank --model f16 --query whole.jpg --gallery empty --json o12",
        "o12",
        &["empty"],
    );
    fails(
        &at,
        "extract --model f16 --images empty --out o13.npy",
        "o13.npy",
        &["empty"],
    );
}

#[test]
fn pictures_that_cannot_be_decoded() {
    let at = prepare();
    let query = "rank --model f16 --query crops/broken.jpg --gallery crops --json o20";
    fails(&at, query, "o20", &["crops/broken.jpg"]);
    let gallery = "rank --model f16 --query whole.jpg --gallery crops --json o21";
    fails(&at, gallery, "o21", &["crops/broken.jpg"]);
    fails(
        &at,
        "extract --model f16 --images crops --out o22.npy",
        "o22.npy",
        &["crops/broken.jpg"],
    );
}

#[test]
fn unknown_names() {
    let at = prepare();
    let key = "train --config CONFIG --data market1501=data --set optim.base_rate=1 --out o30";
    fails(&at, key, "o30", &["small.toml", "base_rate", "base_lr"]);
    fails(
        &at,
        "train --config CONFIG --data duke=data --out o31",
        "o31",
        &["duke", "market1501"],
    );
    fails(
        &at,
        "synth --out o32 --domain moon",
        "o32",
        &["moon", "plaza"],
    );
    let dtype = "export --run run --out o33 --dtype f8";
    fails(&at, dtype, "o33", &["f8", "f16"]);
    // The model has no part in it.
    let gpu = "evaluate --model f16 --data market1501=data --device wgpu --json o34";
    let build = "error: --device wgpu is not part of this program; build it with";
    fails(&at, gpu, "o34", &[build]);
}

#[test]
fn a_model_folder_in_other_formats() {
    let at = prepare();
    let export = |line: &str| {
        let output = trainer(&at.path(""), line.split(' ')).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
    };
    let read = |name: &str| fs::read(at.path(name)).expect(name);
    export("export --model f32 --out half --dtype f16");
    for file in ["model.safetensors", "config.json", "manifest.json"] {
        assert_eq!(
            read(&format!("half/{file}")),
            read(&format!("f16/{file}")),
            "{file}"
        );
    }
    // The same file from a run and from its model folder.
    export("export --run run --out onnx --format onnx --dtype f16");
    export("export --model f32 --out converted --format onnx --dtype f16");
    let (onnx, converted) = (read("onnx/model.onnx"), read("converted/model.onnx"));
    assert_eq!(onnx, converted);
    let manifest: serde_json::Value =
        serde_json::from_slice(&read("converted/manifest.json")).expect("a manifest");
    assert_eq!(manifest["files"]["model.onnx"]["bytes"], onnx.len());
    assert!(manifest["files"].get("model.safetensors").is_none());
    assert_eq!(manifest["dtype"], "f16");
    assert_eq!(manifest["provenance"]["method"], "DCAC");
    assert_eq!(read("converted/config.json"), read("f32/config.json"));
    for (options, expected) in [
        ("--run run --out onnx --format onnx", ["onnx", "not empty"]),
        ("--run run --model f32 --out o60", ["--run", "--model"]),
        ("--out o60 --format onnx", ["--run", "--model"]),
        (
            "--model f32 --checkpoint last --out o60",
            ["--model", "--checkpoint"],
        ),
        (
            "--model gone --out o60 --format onnx",
            ["gone", "trainer export"],
        ),
        (
            "--model run --out o60 --format onnx",
            ["run is a run", "trainer export"],
        ),
        (
            "--model onnx --out o60",
            ["holds an encoder for other programs", "model.onnx"],
        ),
    ] {
        fails(&at, &format!("export {options}"), "o60", &expected);
    }
}

#[test]
fn models_that_do_not_fit_their_configuration() {
    let at = prepare();
    let weights = fs::read(at.path("f16/model.safetensors")).expect("weights");
    let config = fs::read_to_string(at.path("f16/config.json")).expect("a configuration");
    let deeper = config.replace("\"depth\": 3", "\"depth\": 5");
    assert_ne!(config, deeper);
    for (name, weights, config) in [
        ("deeper", &weights[..], &deeper),
        ("cut", &weights[..1000], &config),
    ] {
        fs::create_dir(at.path(name)).expect("a folder");
        fs::write(at.path(name).join("model.safetensors"), weights).expect("weights");
        fs::write(at.path(name).join("config.json"), config).expect("a configuration");
        let line = format!("evaluate --model {name} --data market1501=data --json o40");
        fails(&at, &line, "o40", &[&format!("{name}/model.safetensors")]);
        let line = format!("export --model {name} --format onnx --out o40");
        fails(&at, &line, "o40", &[&format!("{name}/model.safetensors")]);
    }
    let run = "evaluate --model run --data market1501=data --json o41";
    fails(&at, run, "o41", &["run is a run", "trainer export"]);
}

#[test]
fn outputs_that_exist_are_kept() {
    let at = prepare();
    let before = fs::read(at.path("f16/model.safetensors")).expect("weights");
    fails(
        &at,
        "export --run run --out f16",
        "o50",
        &["f16", "not empty"],
    );
    fails(&at, "synth --out data", "o51", &["data", "not empty"]);
    let train = "train --config CONFIG --data market1501=data --out run";
    fails(&at, train, "o52", &["run", "finished run"]);
    let after = fs::read(at.path("f16/model.safetensors")).expect("weights");
    assert_eq!(before, after);
}
