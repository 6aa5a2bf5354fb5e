//! What a run wrote down while it trained.

use std::path::Path;

use anyhow::Result;

use crate::train::{Evaluation, RunCost, StepMetrics, read_evaluations, read_metrics};

/// All of it.
pub(super) struct History {
    pub steps: Vec<StepMetrics>,
    pub evaluations: Vec<Evaluation>,
    /// None if the run has not kept it.
    pub cost: Option<RunCost>,
}

impl History {
    /// Reads the files of a run; only the steps' must be there.
    pub fn read(run: &Path) -> Result<Self> {
        Ok(Self {
            steps: read_metrics(run)?,
            evaluations: read_evaluations(run)?,
            cost: RunCost::read(run)?,
        })
    }
}
