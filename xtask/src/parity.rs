//! This project against others' implementations: small models, and full-size ones on demand.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::steps::Steps;
use crate::{files, paths, process, python, trainer};

/// Names the folder of the full-size models to the test.
const FOLDER: &str = "DCAC_FULL_SIZE";

/// Tests that compare small models with golden files.
const GOLDEN: [&str; 5] = [
    "network_golden",
    "training_golden",
    "image_golden",
    "retrieval_golden",
    "import",
];

/// Compares small models with golden files.
pub fn small() -> Result<()> {
    trainer::build("")?;
    let mut test = process::cargo();
    test.args(["test", "--release", "--workspace"]);
    process::run(test.args(GOLDEN.iter().flat_map(|name| ["--test", name])))
}

/// Makes CLIP ViT-B/16 and Stable Diffusion v1.5 of random weights in PyTorch, imports them
/// and compares what both compute; timm computes with what this project wrote. `python` has
/// the packages of the golden files; one is set up unless given.
pub fn full_size(python: Option<PathBuf>) -> Result<()> {
    let folder = paths::target().join("parity");
    let golden = paths::root().join("tests/golden");
    let mut steps = Steps::new(6);
    let python = steps.run(
        "Python with PyTorch",
        "5 min the first time",
        || match python {
            Some(python) => Ok(python),
            None => environment(),
        },
    )?;
    steps.run("build the trainer", "4 min the first time", || {
        trainer::build("")
    })?;
    steps.run("make the models and compute with PyTorch", "1 min", || {
        files::remove(&folder.join("clip"))?;
        files::remove(&folder.join("sd"))?;
        let script = golden.join("full_size.py");
        process::run(Command::new(&python).arg(script).arg(&folder))
    })?;
    steps.run("import them", "20 s", || {
        for (kind, file) in [("clip", "clip.pt"), ("sd", "sd.ckpt")] {
            let options = ["import", "--kind", kind, "--from"];
            let mut trainer = Command::new(paths::trainer());
            trainer.args(options).arg(folder.join(file));
            process::run(trainer.arg("--out").arg(folder.join(kind)))?;
        }
        Ok(())
    })?;
    steps.run("compute with this project and compare", "2 min", || {
        let mut test = process::cargo();
        test.args(["test", "--release", "--workspace", "--test", "full_size"]);
        test.args(["--", "--ignored", "--nocapture", "--test-threads=1"]);
        process::run(test.env(FOLDER, &folder))
    })?;
    steps.run("load exported models in timm", "1 min", || {
        timm(&python, &folder)
    })?;
    println!(
        "finished in {}; the models lie in {}",
        steps.elapsed(),
        folder.display()
    );
    Ok(())
}

/// Loads models that `trainer export` and `trainer import` wrote in timm, and compares.
fn timm(python: &Path, folder: &Path) -> Result<()> {
    let tests = paths::root().join("tests");
    let made = folder.join("timm");
    files::remove(&made)?;
    let mut models = vec![folder.join("clip")];
    for size in ["tiny", "vit-b-16"] {
        let (source, exported) = (made.join(size), made.join(format!("exported-{size}")));
        let mut random = Command::new(python);
        random.arg(tests.join("onnx/model.py")).arg(&source);
        process::run(random.arg(size))?;
        let mut export = Command::new(paths::trainer());
        export.args(["export", "--model"]).arg(source.join("model"));
        process::run(export.arg("--out").arg(&exported))?;
        models.push(exported);
    }
    let crops = made.join("tiny/crops");
    let embeddings = made.join("embeddings.safetensors");
    for model in models {
        let mut extract = Command::new(paths::trainer());
        extract.args(["extract", "--model"]).arg(&model);
        extract.arg("--images").arg(&crops);
        process::run(extract.arg("--out").arg(&embeddings))?;
        let mut load = Command::new(python);
        load.arg(tests.join("golden/timm_load.py"));
        process::run(load.args([&model, &crops, &embeddings]))?;
    }
    Ok(())
}

/// A Python with the packages of the golden files, under target/.
pub fn environment() -> Result<PathBuf> {
    python::environment(
        "parity",
        &paths::root().join("tests/golden/requirements.txt"),
    )
}
