//! The site's engines beside onnxruntime-web in one browser, by the site's own page for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::server::Server;
use crate::toolchain::Toolchain;
use crate::{assets, browser, files, paths, process, python, site, tools, trainer};

/// Files of onnxruntime-web that the page may load.
const PEER: [&str; 6] = [
    "ort.wasm.min.mjs",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
];

/// Models of random weights: speed depends on sizes alone.
const SIZES: [&str; 3] = ["tiny", "small", "vit-b-16"];

/// Builds the site, puts the peer and the models beside it, and measures.
pub fn run(toolchain: &Toolchain, rounds: usize, software_gpu: bool) -> Result<()> {
    browser::ensure()?;
    trainer::build("")?;
    site::build(toolchain, &paths::dist())?;
    let folder = paths::target().join("bench/site");
    files::remove(&folder)?;
    files::copy_folder(&paths::dist(), &folder)?;
    let peer = tools::onnx_runtime()?;
    for file in PEER {
        files::copy(&peer.join(file), &folder.join("onnxruntime").join(file))?;
    }
    files::remove(&folder.join("models"))?;
    for size in SIZES {
        model(size, &folder.join("models").join(size))?;
    }
    assets::write_lists(&folder)?;
    let server = Server::start(&folder, "/", 0)?;
    let mut measure = process::cargo();
    measure.args(["run", "--quiet", "--release", "--package", "dcac-tests"]);
    measure.args(["--bin", "benchmark-page", "--"]);
    measure.args([server.url(), rounds.to_string(), software_gpu.to_string()]);
    process::run(measure.args(SIZES))
}

/// A model folder in f16, and the same weights for the peer.
fn model(size: &str, to: &Path) -> Result<()> {
    let made = paths::target().join("bench/models").join(size);
    files::remove(&made)?;
    files::create(&made)?;
    let script = paths::root().join("tests/onnx/model.py");
    process::run(
        Command::new(python::for_onnx()?)
            .arg(script)
            .arg(&made)
            .arg(size),
    )?;
    let export = |from: &Path, to: &Path, options: &[&str]| {
        let mut command = Command::new(paths::trainer());
        command
            .arg("export")
            .arg("--model")
            .arg(from)
            .arg("--out")
            .arg(to);
        process::run(command.args(options))
    };
    let (half, peer) = (made.join("half"), made.join("onnx"));
    export(&made.join("model"), &half, &["--dtype", "f16"])?;
    // f32 suits the peer best: it widens f16 weights at every run.
    export(&half, &peer, &["--dtype", "f32", "--format", "onnx"])?;
    files::copy_folder(&half, to)?;
    files::copy(&peer.join("model.onnx"), &to.join("model.onnx"))
        .with_context(|| format!("cannot put the peer's weights into {}", to.display()))
}
