//! One of the site's programs: compiled, bound to JavaScript, optimised and weighed.

use std::fmt;
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
const LIMIT: usize = 2_200_000;

/// How large a program is.
pub struct Size {
    name: String,
    bytes: usize,
    compressed: usize,
}

impl Size {
    /// Weighs what [`bind`] has made in `bound`.
    pub fn of(program: &Program, bound: &Path) -> Result<Self> {
        let path = wasm(program, bound);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        Ok(Self {
            name: program.name.clone(),
            bytes: bytes.len(),
            compressed: encoder.finish()?.len(),
        })
    }

    /// An error if a visitor would wait too long for the program.
    pub fn check(&self) -> Result<()> {
        if self.compressed > LIMIT {
            bail!(
                "{self}: more than the {:.2} MB it may have. Was it optimised? Does it hold what it does not use?",
                megabytes(LIMIT)
            );
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (raw, compressed) = (megabytes(self.bytes), megabytes(self.compressed));
        write!(
            f,
            "{:<18}{raw:6.2} MB, {compressed:.2} MB with gzip -9",
            self.name
        )
    }
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn wasm(program: &Program, bound: &Path) -> PathBuf {
    bound.join(format!("{}_bg.wasm", program.name))
}

/// Makes `NAME.js` and `NAME_bg.wasm` in `bound` from a compiled program.
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
    match wasm_opt {
        Some(wasm_opt) => optimise(wasm_opt, program, &wasm(program, bound)),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_too_large_compressed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            name: "p".to_string(),
            wasm_opt: Vec::new(),
        };
        let size = |bytes: &[u8]| {
            fs::write(folder.path().join("p_bg.wasm"), bytes).unwrap();
            Size::of(&program, folder.path()).unwrap()
        };
        assert!(size(&vec![0; 2 * LIMIT]).check().is_ok());
        // Numbers without a pattern (xorshift) cannot be compressed.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(LIMIT + 1)
        .collect();
        assert!(size(&noise).check().is_err());
    }
}
