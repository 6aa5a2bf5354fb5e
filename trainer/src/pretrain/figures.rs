//! What a course measures: its lines, its files.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde_json::{Map, json};

use crate::device::numbers;
use crate::tensorboard::{EventWriter, now};
use crate::train::StepLog;

/// Figures by their names.
pub type Means = Vec<(&'static str, f64)>;

/// Named figures of every step, and their means since the last line.
pub struct Figures {
    names: &'static [&'static str],
    log: StepLog,
    events: EventWriter,
    sums: Vec<f64>,
    seconds: f64,
    pictures: f64,
    steps: f64,
    means: Vec<f64>,
}

impl Figures {
    /// Figures of a course that stands after `step`, in `metrics.jsonl` and an event file of
    /// its folder.
    pub fn open(folder: &Path, names: &'static [&'static str], step: u64) -> Result<Self> {
        Ok(Self {
            names,
            log: StepLog::metrics(folder, step)?,
            events: EventWriter::create(folder, step + 1)?,
            sums: vec![0.0; names.len()],
            seconds: 0.0,
            pictures: 0.0,
            steps: 0.0,
            means: vec![f64::NAN; names.len()],
        })
    }

    /// The numbers of a step.
    pub fn read<B: AutodiffBackend>(&self, measured: Vec<Tensor<B, 1>>) -> Result<Vec<f32>> {
        let measured = measured.into_iter().map(Tensor::inner).collect();
        let values = numbers(Tensor::cat(measured, 0))?;
        if values.len() != self.names.len() {
            bail!("{} figures, expected {}", values.len(), self.names.len());
        }
        Ok(values)
    }

    /// Adds a step.
    pub fn add(&mut self, step: u64, rate: f64, values: &[f32], speed: f64) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".into(), json!(step));
        line.insert("lr".into(), json!(rate));
        for (name, value) in self.names.iter().zip(values) {
            line.insert((*name).into(), json!(value));
        }
        line.insert("pictures_per_second".into(), json!(speed));
        self.log.add(&line)?;
        let points: Vec<(&str, f32)> = (self.names.iter().copied())
            .zip(values.iter().copied())
            .chain([("learning_rate", rate as f32)])
            .collect();
        self.events.scalars(step, now(), &points)?;
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += f64::from(*value);
        }
        self.steps += 1.0;
        self.seconds += 1.0 / speed;
        self.pictures += 1.0;
        Ok(())
    }

    /// Figures of one step, for people.
    pub fn last(&self, values: &[f32]) -> String {
        let values = values.iter().map(|&value| f64::from(value));
        text(self.names, values)
    }

    /// Means since the last line, for people.
    pub fn line(&mut self) -> String {
        let steps = self.steps.max(1.0);
        self.means = self.sums.iter().map(|sum| sum / steps).collect();
        // Seconds per picture are what adds up over steps.
        let speed = self.pictures / self.seconds.max(f64::MIN_POSITIVE);
        self.sums.fill(0.0);
        (self.steps, self.seconds, self.pictures) = (0.0, 0.0, 0.0);
        let means = text(self.names, self.means.iter().copied());
        format!("{means}  {speed:.0} pictures/s")
    }

    /// The means of the last line.
    pub fn summary(&self) -> Means {
        self.names.iter().copied().zip(self.means.clone()).collect()
    }

    /// Brings the steps to disk.
    pub fn flush(&mut self) -> Result<()> {
        self.log.flush()
    }
}

fn text(names: &[&str], values: impl Iterator<Item = f64>) -> String {
    let parts: Vec<String> = (names.iter().zip(values))
        .map(|(name, value)| format!("{name} {value:.3}"))
        .collect();
    parts.join("  ")
}
