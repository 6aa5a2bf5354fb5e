//! Where a run is watched: its JSON lines, and the same for TensorBoard.

use std::path::Path;

use anyhow::Result;

use super::metrics::{Evaluation, StepLog, StepMetrics};
use crate::config::RunConfig;
use crate::tensorboard::{EventWriter, now};

/// `metrics.jsonl`, `evaluations.jsonl` and an event file of one run.
pub struct Logs {
    metrics: StepLog,
    evaluations: StepLog,
    events: EventWriter,
}

impl Logs {
    /// Opens the logs of a run that stands after `step`; what they say of later steps no
    /// longer counts.
    pub fn open(run: &Path, config: &RunConfig, step: u64) -> Result<Self> {
        let mut events = EventWriter::create(run, step + 1)?;
        if step == 0 {
            let markdown = format!("```toml\n{}```", config.to_toml()?);
            events.text("configuration", &markdown, 0)?;
        }
        Ok(Self {
            metrics: StepLog::metrics(run, step)?,
            evaluations: StepLog::evaluations(run, step)?,
            events,
        })
    }

    /// Adds a step.
    pub fn step(&mut self, metrics: &StepMetrics) -> Result<()> {
        self.metrics.add(metrics)?;
        (self.events).scalars(metrics.step, now(), &curves(metrics))
    }

    /// Adds the figures of all targets, and brings everything to disk.
    pub fn evaluation(&mut self, evaluation: &Evaluation) -> Result<()> {
        self.evaluations.add(evaluation)?;
        self.evaluations.flush()?;
        self.flush()?;
        for report in &evaluation.reports {
            let tag = |figure| format!("evaluation/{}/{figure}", report.name());
            let (map, rank1) = (report.metrics.map as f32, report.rank1 as f32);
            let values = [(&*tag("mAP"), map), (&*tag("Rank-1"), rank1)];
            self.events.scalars(evaluation.step, now(), &values)?;
        }
        Ok(())
    }

    /// Brings the steps to disk.
    pub fn flush(&mut self) -> Result<()> {
        self.metrics.flush()
    }
}

/// A step as points of curves, by the names that TensorBoard groups them under.
fn curves(step: &StepMetrics) -> Vec<(&'static str, f32)> {
    let always = [
        ("loss/total", step.loss),
        ("loss/id", step.loss_id),
        ("loss/pcl", step.loss_pcl),
        ("train/accuracy", step.accuracy),
        ("train/learning_rate", step.lr as f32),
        ("train/images_per_second", step.images_per_second as f32),
    ];
    let sometimes = [
        ("loss/dif", step.loss_dif),
        ("train/gradient_norm", step.gradient_norm),
        ("train/loss_scale", step.loss_scale),
    ];
    let sometimes = (sometimes.into_iter()).filter_map(|(name, value)| Some((name, value?)));
    always.into_iter().chain(sometimes).collect()
}
