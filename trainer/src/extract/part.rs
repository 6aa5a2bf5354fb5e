//! What is done of an extraction: a folder beside the file to write, until that is there.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::embedder::{Broken, Embedded};
use crate::files;

const STATE: &str = "state.json";
const NUMBERS: &str = "embeddings.f32";

/// At most so much work is lost by a kill.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How far an extraction is.
#[derive(Serialize, Deserialize)]
struct State {
    /// SHA-256 of weights and names: what the work is.
    work: String,
    /// Files that were looked at.
    done: usize,
    /// Those of them that were left out.
    broken: Vec<Broken>,
    /// Their indices.
    left_out: Vec<usize>,
}

/// An extraction under way.
pub struct Part {
    folder: PathBuf,
    state: State,
    numbers: BufWriter<File>,
    saved: Instant,
    width: usize,
}

impl Part {
    /// Begins, or goes on with, the extraction of `names` by a model into `out`.
    ///
    /// # Errors
    /// A folder that another extraction left behind, and one that was damaged.
    pub fn open(out: &Path, model: &str, names: &[String], width: usize) -> Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let folder = out.with_file_name(name);
        let work = work(model, names);
        let failed = || format!("cannot write {}", folder.display());
        fs::create_dir_all(&folder).with_context(failed)?;
        let path = folder.join(STATE);
        let state = match path.is_file() {
            false => State {
                work,
                done: 0,
                broken: Vec::new(),
                left_out: Vec::new(),
            },
            true => {
                let again = || {
                    let folder = folder.display();
                    format!(
                        "{folder} was begun with another model or other images; remove it to begin anew"
                    )
                };
                let state: State =
                    serde_json::from_slice(&files::read(&path)?).with_context(|| {
                        format!("{} is damaged; remove {}", path.display(), folder.display())
                    })?;
                ensure!(state.work == work && state.done <= names.len(), again());
                state
            }
        };
        let numbers = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(NUMBERS))
            .with_context(failed)?;
        let bytes = ((state.done - state.left_out.len()) * width * size_of::<f32>()) as u64;
        let found = numbers.metadata().with_context(failed)?.len();
        if found < bytes {
            let numbers = folder.join(NUMBERS);
            bail!(
                "{} has {found} bytes where {bytes} were written; remove {} to begin anew",
                numbers.display(),
                folder.display()
            );
        }
        // What came after the last saved state is computed again.
        numbers.set_len(bytes).with_context(failed)?;
        Ok(Self {
            folder,
            state,
            numbers: BufWriter::new(numbers),
            saved: Instant::now(),
            width,
        })
    }

    /// Files that were looked at.
    pub fn done(&self) -> usize {
        self.state.done
    }

    /// Files that were left out.
    pub fn broken(&self) -> &[Broken] {
        &self.state.broken
    }

    /// Indices of the files that have a row.
    pub fn kept(&self) -> Vec<usize> {
        let mut left_out = self.state.left_out.iter().peekable();
        (0..self.state.done)
            .filter(|index| left_out.next_if_eq(&index).is_none())
            .collect()
    }

    /// The rows, as f32, little-endian.
    pub fn numbers(&self) -> PathBuf {
        self.folder.join(NUMBERS)
    }

    /// Width of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds what became of the next `count` files; indices count from the first of this run.
    pub fn add(&mut self, count: usize, batch: Embedded) -> Result<()> {
        let failed = || format!("cannot write {}", self.folder.join(NUMBERS).display());
        for value in &batch.features {
            self.numbers
                .write_all(&value.to_le_bytes())
                .with_context(failed)?;
        }
        let first = batch.first;
        let kept: Vec<usize> = batch.kept.iter().map(|index| index - first).collect();
        let left_out = (0..count).filter(|index| !kept.contains(index));
        self.state
            .left_out
            .extend(left_out.map(|index| self.state.done + index));
        self.state.broken.extend(batch.broken);
        self.state.done += count;
        if self.saved.elapsed() > SAVE_EVERY {
            self.save()?;
        }
        Ok(())
    }

    /// Makes what is done so far outlast a kill.
    pub fn save(&mut self) -> Result<()> {
        let failed = || format!("cannot write {}", self.folder.display());
        self.numbers.flush().with_context(failed)?;
        self.numbers.get_ref().sync_data().with_context(failed)?;
        files::write_json(&self.folder.join(STATE), &self.state)?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Removes the folder.
    pub fn remove(self) -> Result<()> {
        let failed = || format!("cannot remove {}", self.folder.display());
        fs::remove_dir_all(&self.folder).with_context(failed)
    }
}

fn work(model: &str, names: &[String]) -> String {
    let mut hash = Sha256::new();
    hash.update(model);
    for name in names {
        hash.update([0]);
        hash.update(name);
    }
    files::hex(&hash.finalize())
}
