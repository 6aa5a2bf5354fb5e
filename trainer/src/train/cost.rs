//! Where the time of a run goes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::files;

const FILE: &str = "cost.json";

/// Seconds by kind of work, in the order in which kinds first appeared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Costs {
    /// Parts of a step. On a GPU, work is queued: its time shows where a result is waited for.
    pub stages: Vec<Cost>,
    /// Everything else.
    pub other: Vec<Cost>,
    /// The most that the allocator of a GPU had taken after a step; none of a CPU.
    #[serde(default)]
    pub gpu_memory_bytes: Option<u64>,
    /// Seconds since the run's start, pauses between stop and resume left out.
    pub wall_seconds: f64,
    /// Whether a step waits for the device at the end of every stage, so that times are the
    /// stages' own. Waiting costs time.
    #[serde(skip)]
    pub waits: bool,
}

/// Time of one kind of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// What was done.
    pub name: String,
    /// How long it took in all.
    pub seconds: f64,
}

impl Costs {
    /// Costs of stages that are waited for.
    pub fn waiting() -> Self {
        Self {
            waits: true,
            ..Self::default()
        }
    }

    /// Adds a part of a step that began at `since`; returns when it ended.
    pub fn stage(&mut self, name: &str, since: Instant) -> Instant {
        add(&mut self.stages, name, since)
    }

    /// Adds other work that began at `since`.
    pub fn other(&mut self, name: &str, since: Instant) {
        add(&mut self.other, name, since);
    }

    /// Writes `cost.json` of a run.
    pub fn write(&self, run: &Path, device: &str, steps: u64) -> Result<()> {
        let cost = RunCost {
            device: device.to_string(),
            steps,
            costs: self.clone(),
            peak_memory_bytes: peak_memory(),
        };
        files::write_json(&run.join(FILE), &cost)
    }
}

fn add(costs: &mut Vec<Cost>, name: &str, since: Instant) -> Instant {
    let now = Instant::now();
    let seconds = (now - since).as_secs_f64();
    match costs.iter_mut().find(|cost| cost.name == name) {
        Some(cost) => cost.seconds += seconds,
        None => costs.push(Cost {
            name: name.to_string(),
            seconds,
        }),
    }
    now
}

/// `cost.json`: what a finished run cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunCost {
    /// What computed.
    pub device: String,
    /// Steps done.
    pub steps: u64,
    /// Time.
    #[serde(flatten)]
    pub costs: Costs,
    /// Of this process in main memory; null where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

impl RunCost {
    /// The cost of a run, if it has written it down.
    ///
    /// # Errors
    /// A file that holds something else.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let cost = serde_json::from_slice(&files::read(&path)?);
        cost.with_context(|| format!("{} does not say what a run cost", path.display()))
            .map(Some)
    }
}

/// The most main memory that this process has held, from Linux's /proc.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = (status.lines()).find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A clock that runs while a run does, across stops.
pub struct Clock {
    started: Instant,
    before: f64,
}

impl Clock {
    /// Starts with the seconds of earlier parts of the run.
    pub fn start(before: f64) -> Self {
        // Where Linux allows it, the peak of memory counts from here too, and not from an
        // earlier run of this process.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self {
            started: Instant::now(),
            before,
        }
    }

    /// Seconds of the whole run.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Time left, if `done` of `all` took as long as this.
    pub fn left(&self, done: f64, all: f64) -> Duration {
        let left = self.seconds() * (all - done).max(0.0) / done.max(f64::MIN_POSITIVE);
        Duration::from_secs(left.min(1e9) as u64)
    }
}
