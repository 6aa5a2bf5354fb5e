//! What a run writes down of every step, and of every evaluation while it trains.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evaluate::Report;
use crate::files;

const METRICS: &str = "metrics.jsonl";
const EVALUATIONS: &str = "evaluations.jsonl";

/// One line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
    /// L2 norm of all gradients before clipping, where it was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f32>,
    /// What losses are multiplied by before the backward pass in f16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f32>,
    /// Images per second of this step, waiting for data included.
    pub images_per_second: f64,
}

/// One line of `evaluations.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done.
    pub step: u64,
    /// Figures of every target.
    pub reports: Vec<Report>,
}

/// A file of one JSON object a line, each with its `step`.
pub struct StepLog {
    file: BufWriter<File>,
    path: PathBuf,
}

impl StepLog {
    /// `metrics.jsonl` of a run that stands after `step`.
    pub fn metrics(run: &Path, step: u64) -> Result<Self> {
        Self::open(run.join(METRICS), step)
    }

    /// `evaluations.jsonl` of a run that stands after `step`.
    pub fn evaluations(run: &Path, step: u64) -> Result<Self> {
        Self::open(run.join(EVALUATIONS), step)
    }

    /// Goes on after `step`: lines of later steps, which a run that was killed may have
    /// left, are dropped.
    fn open(path: PathBuf, step: u64) -> Result<Self> {
        #[derive(Deserialize)]
        struct Line {
            step: u64,
        }
        let before = if path.is_file() {
            files::read_text(&path)?
        } else {
            String::new()
        };
        let done = |line: &&str| serde_json::from_str::<Line>(line).is_ok_and(|l| l.step <= step);
        let kept: String = (before.lines().take_while(done))
            .flat_map(|line| [line, "\n"])
            .collect();
        files::write(&path, kept.as_bytes())?;
        let file = (OpenOptions::new().append(true).open(&path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            file: BufWriter::new(file),
            path,
        })
    }

    /// Adds a line.
    pub fn add(&mut self, line: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(line)?;
        writeln!(self.file, "{line}")
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Brings everything to disk.
    pub fn flush(&mut self) -> Result<()> {
        (self.file.flush()).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Every step of a run.
///
/// # Errors
/// A file that is missing or holds something else.
pub fn read_metrics(run: &Path) -> Result<Vec<StepMetrics>> {
    read_lines(&run.join(METRICS))
}

/// Every evaluation of a run while it trained, none if it has not been evaluated.
///
/// # Errors
/// A file that holds something else.
pub fn read_evaluations(run: &Path) -> Result<Vec<Evaluation>> {
    let path = run.join(EVALUATIONS);
    if path.is_file() {
        read_lines(&path)
    } else {
        Ok(Vec::new())
    }
}

/// The objects of a file with one on each line. A last line without an end is one that
/// a killed run did not finish.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = files::read_text(path)?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    (1..)
        .zip(whole.lines())
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| {
                format!(
                    "{}, line {number} is not what training writes; remove the line",
                    path.display()
                )
            })
        })
        .collect()
}

/// Figures of a run after `step`, as its log has them; an empty list if it was not
/// evaluated there.
pub fn evaluation_at(run: &Path, step: u64) -> Result<Value> {
    let path = run.join(EVALUATIONS);
    if !path.is_file() {
        return Ok(Value::Array(Vec::new()));
    }
    let text = files::read_text(&path)?;
    let lines = text.lines().map(serde_json::from_str::<Value>);
    let found = lines.flatten().rfind(|line| line["step"] == step);
    Ok(found.map_or(Value::Array(Vec::new()), |mut line| line["reports"].take()))
}

/// Means over an epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_on_after_its_checkpoint() -> Result<()> {
        let run = tempfile::tempdir()?;
        let path = run.path().join("metrics.jsonl");
        // The last line was cut when the run was killed.
        std::fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st")?;
        let mut log = StepLog::metrics(run.path(), 2)?;
        log.add(&serde_json::json!({ "again": true, "step": 3 }))?;
        log.flush()?;
        let lines = "{\"step\":1}\n{\"step\":2}\n{\"again\":true,\"step\":3}\n";
        assert_eq!(std::fs::read_to_string(&path)?, lines);
        Ok(())
    }

    #[test]
    fn a_half_written_line_is_left_out_and_a_foreign_one_is_named() -> Result<()> {
        let run = tempfile::tempdir()?;
        let path = run.path().join(METRICS);
        let step = StepMetrics {
            epoch: 1,
            step: 7,
            lr: 0.1,
            loss: 2.5,
            loss_id: 2.5,
            loss_pcl: 0.0,
            loss_dif: None,
            accuracy: 0.5,
            gradient_norm: None,
            loss_scale: None,
            images_per_second: 9.0,
        };
        let line = serde_json::to_string(&step)?;
        std::fs::write(&path, format!("{line}\n{{\"epo"))?;
        let steps = read_metrics(run.path())?;
        assert_eq!((steps.len(), steps[0].step, steps[0].loss), (1, 7, 2.5));
        assert!(read_evaluations(run.path())?.is_empty());
        std::fs::write(&path, format!("{line}\nstep 8\n"))?;
        let error = read_metrics(run.path()).err().map(|e| format!("{e:#}"));
        assert!(error.is_some_and(|error| error.contains("metrics.jsonl, line 2")));
        Ok(())
    }
}
