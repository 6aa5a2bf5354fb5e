//! What measurements of the model have in common.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use crate::config::RunConfig;
use crate::device::{DeviceArgs, Job, dispatch};
use crate::files;
use crate::train::peak_memory;

/// What is measured, and where.
#[derive(Args)]
pub struct Subject {
    /// TOML file of the training
    #[arg(long)]
    config: PathBuf,
    /// Override a key of the configuration, such as precision=bf16
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl Subject {
    /// The configuration.
    pub fn config(&self) -> Result<RunConfig> {
        RunConfig::read(&self.config, &self.set)
    }

    /// Writes the figures where they are wanted.
    pub fn keep(&self, figures: &Value) -> Result<()> {
        if let Some(json) = &self.json {
            files::write_json(json, figures)?;
            println!("{}", json.display());
        }
        Ok(())
    }
}

/// What is timed, and how often.
#[derive(Args)]
pub struct Measurement {
    /// Times before the measurement
    #[arg(long, default_value_t = 5)]
    pub warmup: usize,
    /// Times that are measured; those of a training step once more by stage
    #[arg(long, default_value_t = 20)]
    pub steps: usize,
    #[command(flatten)]
    pub subject: Subject,
}

impl Measurement {
    /// The configuration.
    pub fn config(&self) -> Result<RunConfig> {
        if self.steps == 0 {
            bail!("expected --steps of 1 at least");
        }
        self.subject.config()
    }

    /// Runs it, and writes the figures where they are wanted.
    pub fn run(&self, job: impl Job<Output = Value>) -> Result<()> {
        self.subject
            .keep(&dispatch(self.subject.device.device, job)?)
    }
}

/// The most memory that was held: what a GPU's allocator had taken, or this process's main memory.
pub struct Held(pub Option<u64>);

impl Held {
    /// Of the GPU if there is one, else of the process if the system tells.
    pub fn bytes(&self) -> Option<u64> {
        self.0.or_else(peak_memory)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let whose = self.0.map_or("main memory", |_| "memory of the GPU");
        match self.bytes() {
            Some(bytes) => write!(f, "{whose}: {:.2} GB at most", bytes as f64 / 1e9),
            None => write!(f, "{whose}: not known"),
        }
    }
}
