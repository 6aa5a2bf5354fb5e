//! What a run leaves behind in its folder, beside checkpoints.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::checkpoint::Checkpoint;
use super::logs::Logs;
use super::metrics::StepMetrics;
use super::record;
use crate::data::{NamedData, TrainBatch, TrainingSet};
use crate::evaluate::{Evaluation, Report};
use crate::files;
use crate::report::{self, Target};

/// The folder of a run, and what it is judged on.
pub struct Book<'a> {
    /// The folder.
    pub out: &'a Path,
    /// What the run is evaluated on.
    pub targets: &'a [NamedData],
    /// Where it computes, for people.
    pub device_name: String,
    /// What it writes of every step.
    pub logs: Logs,
}

impl Book<'_> {
    /// Keeps the names of a batch that training cannot go on from.
    pub fn bad_batch(
        &self,
        set: &TrainingSet,
        batch: &TrainBatch,
        metrics: &StepMetrics,
    ) -> Result<PathBuf> {
        let images: Vec<_> = (batch.indices.iter())
            .map(|&index| &set.images[index])
            .map(|image| json!({ "file": image.path, "label": image.label }))
            .collect();
        let path = self.out.join("bad-batch.json");
        files::write_json(&path, &json!({ "metrics": metrics, "images": images }))?;
        Ok(path)
    }

    /// Writes everything that a finished run has, and says where it is.
    pub fn finish(&self, state: &Checkpoint, found: Vec<Evaluation>) -> Result<()> {
        for target in &found {
            print!("\n{}", target.report.table(&[1, 5, 10]));
        }
        (state.costs).write(self.out, &self.device_name, state.step)?;
        let targets = found.iter().map(Target::of).collect::<Result<Vec<_>>>()?;
        let page = report::write(self.out, state, &targets)?;
        // Last, as it says that the run is finished.
        let reports: Vec<Report> = found.into_iter().map(|target| target.report).collect();
        let figures = record::write_figures(self.out, &reports)?;
        println!(
            "\ncheckpoints {}\nlosses      {}\nfigures     {}\nreport      {}\nmodel       trainer export --run {} --out MODEL_DIR",
            self.out.join("checkpoints").display(),
            self.out.join("metrics.jsonl").display(),
            figures.display(),
            page.display(),
            self.out.display()
        );
        Ok(())
    }
}
