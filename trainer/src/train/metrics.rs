//! What a run writes down of every step.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

/// One line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// Counted from 1 over the whole run.
    pub step: u64,
    /// Learning rate.
    pub lr: f64,
    /// L_total (Equation 13).
    pub loss: f32,
    /// L_id (Equation 5).
    pub loss_id: f32,
    /// L_pcl (Equation 6).
    pub loss_pcl: f32,
    /// L_dif (Equation 11); null for the baseline.
    pub loss_dif: Option<f32>,
    /// Share of the batch that the classifier names right.
    pub accuracy: f32,
    /// What losses are multiplied by before the backward pass in f16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f32>,
    /// Images per second of this step, waiting for data included.
    pub images_per_second: f64,
}

/// `metrics.jsonl`, one object a line, flushed at every epoch's end.
pub struct MetricsLog {
    file: BufWriter<File>,
    path: PathBuf,
}

impl MetricsLog {
    /// Starts the file of a run.
    pub fn create(run: &Path) -> Result<Self> {
        let path = run.join("metrics.jsonl");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            file: BufWriter::new(file),
            path,
        })
    }

    /// Adds a step.
    pub fn add(&mut self, metrics: &StepMetrics) -> Result<()> {
        let line = serde_json::to_string(metrics)?;
        writeln!(self.file, "{line}")
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Brings everything to disk.
    pub fn flush(&mut self) -> Result<()> {
        (self.file.flush()).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Means over an epoch.
#[derive(Default)]
pub struct EpochMeans {
    steps: f32,
    sums: [f32; 5],
}

impl EpochMeans {
    /// Adds a step.
    pub fn add(&mut self, m: &StepMetrics) {
        let dif = m.loss_dif.unwrap_or(0.0);
        let values = [m.loss, m.loss_id, m.loss_pcl, dif, m.accuracy];
        self.steps += 1.0;
        (self.sums.iter_mut().zip(values)).for_each(|(sum, value)| *sum += value);
    }

    /// The epoch for people.
    pub fn line(&self, diffusion: bool) -> String {
        let [loss, id, pcl, dif, accuracy] = self.sums.map(|sum| sum / self.steps.max(1.0));
        let dif = if diffusion {
            format!("  L_dif {dif:.4}")
        } else {
            String::new()
        };
        let accuracy = 100.0 * accuracy;
        format!("loss {loss:.3}  L_id {id:.3}  L_pcl {pcl:.3}{dif}  named right {accuracy:4.1}%")
    }
}
