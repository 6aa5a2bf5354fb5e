//! TensorBoard's event files.
//!
//! A run's folder holds one file per start of the run. TensorBoard reads them in the
//! order of their names as one history; a file of a resumed run begins with a mark
//! that makes it drop what earlier files say of the steps that are done again.

mod event;
mod record;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use prost::Message;

use event::{Event, SessionLog, Summary, What};

/// Writes one event file. Every call reaches the operating system before it returns,
/// so TensorBoard can watch a run and a killed run loses no event.
pub struct EventWriter {
    file: File,
    path: PathBuf,
}

impl EventWriter {
    /// Starts a new event file in the folder of a run. `first_step` is the first step
    /// that it will describe: 1, or the one after the checkpoint that a run resumes
    /// from. TensorBoard forgets that step and all later ones of older files.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn create(run: &Path, first_step: u64) -> Result<Self> {
        let name = format!(
            "{PREFIX}{:020}.{}",
            start_after_others(run)?.as_nanos(),
            std::process::id()
        );
        let path = run.join(name);
        let file = File::create_new(&path)
            .with_context(|| format!("cannot write the event file {}", path.display()))?;
        let mut writer = Self { file, path };
        writer.add(0, now(), What::FileVersion(FILE_VERSION.to_string()))?;
        writer.add(first_step, now(), What::SessionLog(SessionLog::start()))?;
        Ok(writer)
    }

    /// Adds one point to each curve that `values` names, at a time in seconds since 1970.
    ///
    /// # Errors
    /// A full disk.
    pub fn scalars(
        &mut self,
        step: u64,
        wall_time_seconds: f64,
        values: &[(&str, f32)],
    ) -> Result<()> {
        let summary = Summary::scalars(values);
        self.add(step, wall_time_seconds, What::Summary(summary))
    }

    /// Adds a text, which TensorBoard renders as Markdown.
    ///
    /// # Errors
    /// A full disk.
    pub fn text(&mut self, tag: &str, markdown: &str, step: u64) -> Result<()> {
        self.add(step, now(), What::Summary(Summary::text(tag, markdown)))
    }

    fn add(&mut self, step: u64, wall_time: f64, what: What) -> Result<()> {
        let event = Event {
            wall_time,
            step: step.try_into().unwrap_or(i64::MAX),
            what: Some(what),
        };
        // One write per record: a reader beside this program hardly ever sees half of one.
        (self.file.write_all(&record::frame(&event.encode_to_vec())))
            .with_context(|| format!("cannot write the event file {}", self.path.display()))
    }
}

/// By what TensorBoard knows event files; the time follows.
const PREFIX: &str = "events.out.tfevents.";

/// From version 2 on, TensorBoard heeds the session's start.
const FILE_VERSION: &str = "brain.Event:2";

/// Seconds since 1970, the time of an event that happens now.
pub fn now() -> f64 {
    since_1970().as_secs_f64()
}

fn since_1970() -> Duration {
    // A clock before 1970 is no reason to stop a training run.
    (SystemTime::now().duration_since(UNIX_EPOCH)).unwrap_or_default()
}

/// The time, or just after the newest event file of the folder if the clock was turned
/// back since: TensorBoard must read the files in the order in which they were written.
fn start_after_others(run: &Path) -> Result<Duration> {
    let listed = || format!("cannot list {}", run.display());
    let mut start = since_1970();
    for entry in fs::read_dir(run).with_context(listed)? {
        let name = entry.with_context(listed)?.file_name();
        let time = (name.to_str())
            .and_then(|name| name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok())
            .map(Duration::from_nanos);
        if let Some(other) = time {
            start = start.max(other.saturating_add(Duration::from_nanos(1)));
        }
    }
    Ok(start)
}

#[cfg(test)]
mod tests;
