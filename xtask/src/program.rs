//! One of the site's programs: compiled, bound to JavaScript, optimised and weighed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::page::Program;
use crate::toolchain::TARGET;
use crate::{files, paths, tools};

const PROFILE: &str = "release";

/// What a program may be, compressed: a visitor waits for it.
const LIMIT: usize = 2_500_000;

/// Makes `NAME.js` and `NAME_bg.wasm` in `bound` from a compiled program and says how large it
/// is. An optimised program that is too large is an error.
pub fn bind(program: &Program, wasm_opt: Option<&Path>, bound: &Path) -> Result<()> {
    let compiled = paths::target()
        .join(TARGET)
        .join(PROFILE)
        .join(format!("{}.wasm", program.name));
    Bindgen::new()
        .input_path(&compiled)
        .out_name(&program.name)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(bound)
        .with_context(|| format!("wasm-bindgen cannot process {}", compiled.display()))?;
    let wasm = bound.join(format!("{}_bg.wasm", program.name));
    if let Some(wasm_opt) = wasm_opt {
        optimise(wasm_opt, program, &wasm)?;
    }
    let (bytes, compressed) = weigh(&wasm)?;
    let megabytes = |bytes| bytes as f64 / 1e6;
    println!(
        "{:<18} {:6.2} MB, {:5.2} MB with gzip -9",
        program.name,
        megabytes(bytes),
        megabytes(compressed)
    );
    if wasm_opt.is_some() && compressed > LIMIT {
        bail!(
            "{} is larger than the {:.2} MB that a visitor can be asked to wait for",
            program.name,
            megabytes(LIMIT)
        );
    }
    Ok(())
}

/// Optimises a program in place; the last result is kept, because it takes long.
fn optimise(wasm_opt: &Path, program: &Program, wasm: &Path) -> Result<()> {
    let folder = paths::target().join("site").join(&program.name);
    let last = |name: &str| -> PathBuf { folder.join(name) };
    let (input, options, output) = (last("input.wasm"), last("options"), last("output.wasm"));
    let wanted = program.wasm_opt.join(" ");
    let same = fs::read_to_string(&options).is_ok_and(|last| last == wanted)
        && matches!((fs::read(&input), fs::read(wasm)), (Ok(old), Ok(new)) if old == new);
    if !same || !output.exists() {
        files::remove(&folder)?;
        files::create(&folder)?;
        let draft = last("draft.wasm");
        tools::optimise(wasm_opt, &program.wasm_opt, wasm, &draft)?;
        files::copy(wasm, &input)?;
        files::write(&options, &wanted)?;
        fs::rename(&draft, &output)
            .with_context(|| format!("cannot write {}", output.display()))?;
    }
    files::copy(&output, wasm)
}

/// Bytes of a file, and of the same file as a host would compress it.
fn weigh(path: &Path) -> Result<(usize, usize)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok((bytes.len(), encoder.finish()?.len()))
}
