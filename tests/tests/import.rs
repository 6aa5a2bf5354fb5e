//! Published weights: tiny models in every layout, made by `tests/golden/make_imports.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dcac_tests::trainer::{last_checkpoint, trainer_fails, trainer_ok};
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;
use xtask::paths;

type Tensors = BTreeMap<String, Vec<f32>>;

fn golden(name: &str) -> PathBuf {
    paths::root().join("tests/golden/import").join(name)
}

/// A command line in which `GOLDEN/` leads to the golden files.
fn words(line: &str) -> Vec<String> {
    let folder = format!("{}/", golden("").display());
    let words = line.split(' ');
    words.map(|word| word.replace("GOLDEN/", &folder)).collect()
}

fn run(at: &TempDir, line: &str) {
    trainer_ok(at.path(), words(line)).expect(line);
}

fn import(at: &TempDir, kind: &str, from: &str, out: &str) {
    let sizes = "--config GOLDEN/model.toml";
    run(
        at,
        &format!("import --kind {kind} --from GOLDEN/{from} --out {out} {sizes}"),
    );
}

fn tensors(path: &Path) -> Tensors {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let numbers = |(name, view): (String, safetensors::tensor::TensorView)| {
        let numbers = match view.dtype() {
            Dtype::F32 => (view.data().as_chunks::<4>().0.iter())
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
            Dtype::F16 => (view.data().as_chunks::<2>().0.iter())
                .map(|&b| half::f16::from_le_bytes(b).to_f32())
                .collect(),
            other => panic!("{name} is {other:?}"),
        };
        (name, numbers)
    };
    let tensors = file.tensors().into_iter();
    // Identities and cameras stand beside embeddings.
    let tensors = tensors.filter(|(_, view)| view.dtype() != Dtype::I32);
    tensors.map(numbers).collect()
}

/// The tensors under a prefix, without it.
fn under(all: &Tensors, prefix: &str) -> Tensors {
    (all.iter())
        .filter_map(|(name, numbers)| {
            Some((name.strip_prefix(prefix)?.to_string(), numbers.clone()))
        })
        .collect()
}

/// What the imported encoder makes of the golden picture.
fn embedding(at: &TempDir, model: &str) -> Vec<f32> {
    let crops = at.path().join("crops");
    fs::create_dir_all(&crops).expect("a folder");
    fs::copy(golden("crop.png"), crops.join("crop.png")).expect("the golden picture");
    run(
        at,
        &format!("extract --model {model} --images crops --out {model}.safetensors"),
    );
    tensors(&at.path().join(format!("{model}.safetensors")))["embeddings"].clone()
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{what}: {found:?} for {expected:?}");
    }
}

#[test]
fn every_layout_of_clip_is_the_same_encoder() {
    let at = tempfile::tempdir().expect("a folder");
    let expected = tensors(&golden("embeddings.safetensors"));
    let mut weights = Vec::new();
    for (model, from) in [
        ("archive", "clip-openai.pt"),
        ("dict", "clip-state-dict.pt"),
        ("folder", "clip-transformers"),
        ("timm", "clip-timm.safetensors"),
    ] {
        import(&at, "clip", from, model);
        assert_close(&embedding(&at, model), &expected["embedding"], from);
        weights.push(fs::read(at.path().join(model).join("model.safetensors")).expect("weights"));
    }
    assert!(weights.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn every_layout_of_stable_diffusion_is_the_same_model() {
    let at = tempfile::tempdir().expect("a folder");
    let expected = tensors(&golden("sd-expected.safetensors"));
    for (out, from) in [
        ("ckpt", "sd.ckpt"),
        ("file", "sd.safetensors"),
        ("folder", "sd-diffusers"),
    ] {
        import(&at, "sd", from, out);
        for part in ["unet", "vae"] {
            let file = format!("{out}/{part}/diffusion_pytorch_model.safetensors");
            let found = tensors(&at.path().join(file));
            assert!(
                found == under(&expected, &format!("{part}.")),
                "{from}: {part}"
            );
        }
    }
}

#[test]
fn a_checkpoint_of_dcac_keeps_all_its_parts() {
    let at = tempfile::tempdir().expect("a folder");
    let embeddings = tensors(&golden("embeddings.safetensors"));
    import(&at, "dcac", "dcac-encoder.pth", "encoder");
    import(&at, "dcac", "dcac.pth", "whole");
    for model in ["encoder", "whole"] {
        let found = embedding(&at, model);
        assert_close(&found, &embeddings["dcac_embedding"], model);
    }
    // Adapters and the biases that come with them included.
    let mut expected = tensors(&golden("dcac-expected.safetensors"));
    let found = |model: &str| tensors(&at.path().join(model).join("training.safetensors"));
    assert!(found("whole") == expected);
    expected.retain(|name, _| name == "classifier.fc.weight");
    assert!(found("encoder") == expected);
}

#[test]
fn training_begins_with_the_published_weights() {
    let at = tempfile::tempdir().expect("a folder");
    run(&at, "synth --out data --ids 8 --images-per-id 4");
    import(&at, "clip", "clip-openai.pt", "clip");
    import(&at, "sd", "sd.ckpt", "sd");
    // At rate 0 nothing moves but the neck's statistics.
    let line = "train --config GOLDEN/model.toml --data market1501=data --out run \
                --set weights.clip=GOLDEN/clip-timm.safetensors --set weights.sd=sd \
                --set optim.base_lr=0 --set optim.epochs=1 --set sampler.identities=2 --set sampler.images=2";
    run(&at, &line.split_whitespace().collect::<Vec<_>>().join(" "));
    let run = at.path().join("run");
    let mut trained = tensors(&run.join("checkpoints/frozen.safetensors"));
    let last = last_checkpoint(&run).expect("a checkpoint");
    trained.extend(tensors(&last.join("model.safetensors")));
    let mut clip = tensors(&at.path().join("clip/model.safetensors"));
    clip.retain(|name, _| !name.starts_with("neck."));
    assert!(under(&trained, "encoder.vit.") == clip);
    // Adapters and their biases are new; all else is Stable Diffusion's, in other names.
    let found = under(&trained, "guidance.unet.");
    let unet = under(
        &tensors(&golden("dcac-expected.safetensors")),
        "guidance.unet.",
    );
    assert!(found.keys().eq(unet.keys()));
    let sd = under(&tensors(&golden("sd-expected.safetensors")), "unet.");
    let loaded = (sd.values()).filter(|numbers| found.values().any(|other| other == *numbers));
    assert_eq!(loaded.count(), sd.len());
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let at = tempfile::tempdir().expect("a folder");
    let bytes = fs::read(golden("clip-state-dict.pt")).expect("a golden file");
    fs::write(at.path().join("text.pt"), "no weights").expect("a file");
    fs::write(at.path().join("cut.pt"), &bytes[..bytes.len() / 2]).expect("a file");
    let whole = fs::read(golden("clip-timm.safetensors")).expect("a golden file");
    fs::write(at.path().join("cut.safetensors"), &whole[..whole.len() - 4]).expect("a file");
    let sizes = "--config GOLDEN/model.toml";
    for (options, expected) in [
        ("--kind clip --from gone.pt", &["gone.pt"][..]),
        ("--kind clip --from text.pt", &["text.pt", "torch.save"]),
        ("--kind clip --from cut.pt", &["cut.pt", "zip"]),
        (
            "--kind clip --from cut.safetensors",
            &["cut.safetensors", "ends before its tensors do"],
        ),
        (
            "--kind sd --from GOLDEN/clip-timm.safetensors",
            &["does not hold Stable Diffusion"],
        ),
        (
            "--kind clip --from GOLDEN/sd-diffusers",
            &["sd-diffusers", "pytorch_model.bin"],
        ),
        (
            "--kind sd --from GOLDEN/sd-diffusers/unet/diffusion_pytorch_model.fp16.safetensors",
            &["missing", "vae.quant_conv.weight"],
        ),
    ] {
        refused(
            &at,
            &format!("import --out out {sizes} {options}"),
            expected,
        );
    }
    // The tiny model for the paper's sizes.
    let expected = [
        "missing",
        "encoder.vit.blocks.11.attn.proj.bias",
        "wrongly shaped",
        "visual.proj",
    ];
    refused(
        &at,
        "import --kind clip --from GOLDEN/clip-openai.pt --out out",
        &expected,
    );
    let deeper = "import --kind clip --from GOLDEN/clip-openai.pt --out out --config shallow.toml";
    let config = fs::read_to_string(golden("model.toml")).expect("sizes");
    let shallow = config.replace("depth = 2", "depth = 1");
    fs::write(at.path().join("shallow.toml"), shallow).expect("a file");
    refused(
        &at,
        deeper,
        &["left over", "visual.transformer.resblocks.1.ln_1.weight"],
    );
}

fn refused(at: &TempDir, line: &str, expected: &[&str]) {
    trainer_fails(at.path(), words(line), expected);
    assert!(!at.path().join("out").exists(), "{line}: left out");
}
