//! The trainer as its users run it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use xtask::paths;

/// Runs `trainer` in a folder and returns what it said, whatever its exit code.
pub fn trainer<I, S>(folder: &Path, arguments: I) -> Result<Output>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let program = paths::trainer();
    Command::new(&program)
        .current_dir(folder)
        .args(arguments)
        .output()
        .with_context(|| {
            format!(
                "cannot start {}; build it: cargo build --release --workspace --bin trainer",
                program.display()
            )
        })
}

/// Runs `trainer`, which must succeed.
pub fn trainer_ok<I, S>(folder: &Path, arguments: I) -> Result<()>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let output = trainer(folder, arguments)?;
    ensure!(
        output.status.success(),
        "trainer failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Runs `trainer`, which must fail and say each of `expected`; returns its exit code.
pub fn trainer_fails<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
    expected: &[&str],
) -> Option<i32> {
    let arguments: Vec<_> = (arguments.into_iter())
        .map(|argument| argument.as_ref().to_os_string())
        .collect();
    let output = trainer(folder, &arguments).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "succeeded: {arguments:?}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    for part in expected {
        assert!(said.contains(part), "{arguments:?}: no `{part}` in: {said}");
    }
    output.status.code()
}

/// A folder with drawn people in `data`, a run trained on them in `run`, and the run's model
/// as `f16` and `f32`.
pub struct Trained {
    folder: TempDir,
}

impl Trained {
    /// Draws and trains; takes seconds.
    pub fn make() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = paths::root().join("tests/fixtures/small.toml");
        let at = folder.path();
        let synth = "synth --out data --domain campus --ids 16 --images-per-id 8";
        trainer_ok(at, synth.split(' '))?;
        let train = "train --data market1501=data --out run --config";
        let train = train.split(' ').map(OsStr::new);
        trainer_ok(at, train.chain([config.as_os_str()]))?;
        for dtype in ["f16", "f32"] {
            let export = ["export", "--run", "run", "--out", dtype, "--dtype", dtype];
            trainer_ok(at, export)?;
        }
        Ok(Self { folder })
    }

    /// What a command that must succeed says; its arguments are parted by spaces.
    ///
    /// # Panics
    /// Where it fails.
    pub fn run(&self, line: &str) -> String {
        let output = trainer(self.folder.path(), line.split(' ')).expect("a trainer");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A JSON file within the folder.
    ///
    /// # Panics
    /// Where there is none.
    pub fn json(&self, name: &str) -> Value {
        let bytes = fs::read(self.path(name)).expect(name);
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// A page within the folder, which must need no other file and name none of this machine.
    ///
    /// # Panics
    /// Where there is none, and where it does.
    pub fn page(&self, name: &str) -> String {
        let page = fs::read_to_string(self.path(name)).expect(name);
        for foreign in ["http:", "https:", "src=\"/", "file://", "@import", "<link"] {
            assert!(!page.contains(foreign), "{name} has {foreign}");
        }
        let folder = self.folder.path().display().to_string();
        assert!(!page.contains(&folder), "{name} names a folder");
        page
    }

    /// A drawn query and a drawn gallery.
    pub fn drawn(&self) -> Result<(PathBuf, Vec<PathBuf>)> {
        let data = self.path("data");
        let query = pictures(&data.join("query"), 1, 1)?;
        let query = query.into_iter().next().context("no query was drawn")?;
        Ok((query, pictures(&data.join("bounding_box_test"), 1, 30)?))
    }

    /// A path within the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The newest checkpoint of a run.
pub fn last_checkpoint(run: &Path) -> Result<PathBuf> {
    let folder = run.join("checkpoints");
    let mut steps: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    steps.retain(|path| {
        (path.file_name()).is_some_and(|n| n.to_string_lossy().starts_with("step-"))
    });
    steps.sort();
    steps.pop().context("no checkpoint")
}

/// One gallery picture's place: its file name and cosine similarity.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// File name.
    pub name: String,
    /// Cosine similarity to the query.
    pub score: f64,
}

/// `trainer rank` of pictures in the order it gives them.
pub fn rank(model: &Path, query: &Path, gallery: &[PathBuf]) -> Result<Vec<Hit>> {
    rank_by(model, query, gallery, &[])
}

/// The same as the site ranks unless told otherwise.
pub fn rank_evened(model: &Path, query: &Path, gallery: &[PathBuf]) -> Result<Vec<Hit>> {
    rank_by(model, query, gallery, &["--normalize-cameras"])
}

fn rank_by(model: &Path, query: &Path, gallery: &[PathBuf], further: &[&str]) -> Result<Vec<Hit>> {
    let folder = tempfile::tempdir()?;
    let crops = folder.path().join("gallery");
    fs::create_dir(&crops)?;
    for path in gallery {
        fs::copy(path, crops.join(path.file_name().unwrap_or_default()))?;
    }
    let json = folder.path().join("ranking.json");
    let options = [
        ("--model", model),
        ("--query", query),
        ("--gallery", &crops),
        ("--json", &json),
    ];
    let options = options
        .iter()
        .flat_map(|(name, path)| [OsStr::new(name), path.as_os_str()]);
    trainer_ok(
        folder.path(),
        ([OsStr::new("rank")].into_iter())
            .chain(options)
            .chain(further.iter().map(OsStr::new)),
    )?;
    let ranking: Value = serde_json::from_slice(&fs::read(&json)?)?;
    let hits = ranking["results"]
        .as_array()
        .context("the ranking has no results")?;
    hits.iter()
        .map(|hit| {
            Ok(Hit {
                name: hit["image"]
                    .as_str()
                    .context("a hit has no image")?
                    .to_string(),
                score: hit["score"].as_f64().context("a hit has no score")?,
            })
        })
        .collect()
}

/// Every `step`-th picture of a folder in order of name, `most` at most.
pub fn pictures(folder: &Path, step: usize, most: usize) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|kind| kind == "jpg" || kind == "png")
    });
    paths.sort();
    Ok(paths.into_iter().step_by(step).take(most).collect())
}

/// Changes a byte of a file's middle.
pub fn damage(file: &Path) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes)?;
    Ok(())
}
