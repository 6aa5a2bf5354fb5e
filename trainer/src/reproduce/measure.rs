//! The figures of finished runs.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::backend::AutodiffBackend;

use super::Outcomes;
use super::plan::{Cell, PlannedRun};
use super::tables::{PublishedCost, Table};
use crate::data::NamedData;
use crate::device::{DeviceChoice, Job, dispatch};
use crate::embedder::Embedder;
use crate::evaluate::{self, Report};
use crate::files;
use crate::train::{Checkpoint, RunCost, Which, read_figures};

/// A row with what was found.
pub struct Filled {
    /// The row's name.
    pub name: String,
    /// Column by column.
    pub cells: Vec<Figures>,
    /// Cost of its first run, and the paper's (Table 6).
    pub cost: Option<(PublishedCost, MeasuredCost)>,
}

/// One cell.
pub struct Figures {
    /// Published mAP and Rank-1, in percent.
    pub published: Option<[f64; 2]>,
    /// Ours, one pair per seed, or why there are none.
    pub ours: Result<Vec<[f64; 2]>, String>,
}

/// Cost of a run; what could not be measured is not there.
#[derive(Default)]
pub struct MeasuredCost {
    /// Milliseconds of a step, all stages together.
    pub step_ms: Option<f64>,
    /// Operations of a batch's forward, in 10^12.
    pub forward_tflops: Option<f64>,
    /// The most memory that the run held on a GPU, else in main memory, in 10^9 bytes.
    pub memory_gb: Option<f64>,
    /// Trained parameters in millions.
    pub trainable_millions: Option<f64>,
}

/// Fills all rows.
pub fn fill(
    table: &Table,
    rows: &[Vec<Cell>],
    outcomes: &Outcomes,
    device: DeviceChoice,
) -> Result<Vec<Filled>> {
    let rows = table.rows.iter().zip(rows);
    rows.map(|(row, cells)| {
        let first = cells
            .iter()
            .find_map(|cell| cell.runs.as_ref().ok()?.0.first());
        let cost = match (row.cost, first) {
            (Some(published), Some(run)) => Some((published, cost(run)?)),
            (Some(published), None) => Some((published, MeasuredCost::default())),
            (None, _) => None,
        };
        Ok(Filled {
            name: row.name.clone(),
            cells: (cells.iter())
                .map(|cell| Figures {
                    published: cell.published,
                    ours: figures(cell, outcomes, device),
                })
                .collect(),
            cost,
        })
    })
    .collect()
}

fn figures(
    cell: &Cell,
    outcomes: &Outcomes,
    device: DeviceChoice,
) -> Result<Vec<[f64; 2]>, String> {
    let (runs, targets) = cell.runs.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    for run in runs {
        if let Some(Err(_)) = outcomes.get(&run.folder) {
            return Err("failed".to_string());
        }
        let mut mean = [0.0; 2];
        for target in targets {
            let report = report(run, target, device).map_err(|error| format!("{error:#}"))?;
            for (sum, share) in mean.iter_mut().zip([report.metrics.map, report.rank1]) {
                *sum += 100.0 * share / targets.len() as f64;
            }
        }
        found.push(mean);
    }
    Ok(found)
}

/// The figures of a run on a target. A run that was finished before the target was at hand
/// is evaluated now.
fn report(run: &PlannedRun, target: &NamedData, device: DeviceChoice) -> Result<Report> {
    let wanted = |report: &Report| {
        report.dataset == target.layout.to_string()
            && Path::new(&report.folder) == target.folder.as_path()
    };
    let further = run.folder.join("further.json");
    let mut reports: Vec<Report> = if further.is_file() {
        serde_json::from_slice(&files::read(&further)?)
            .with_context(|| format!("{} does not hold figures", further.display()))?
    } else {
        Vec::new()
    };
    let known = read_figures(&run.folder)?;
    if let Some(found) = known.iter().chain(&reports).find(|report| wanted(report)) {
        return Ok(found.clone());
    }
    println!("evaluating {} on {target}", run.folder.display());
    let embedder = dispatch(device, Open(&run.folder))?;
    let report = evaluate::on(&embedder, target)?.report;
    reports.push(report.clone());
    files::write_json(&further, &reports)?;
    Ok(report)
}

struct Open<'a>(&'a Path);

impl Job for Open<'_> {
    type Output = Embedder;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Embedder>
    where
        B::Device: 'static,
    {
        let (_, config, model) = Checkpoint::read::<B::InnerBackend>(self.0, &Which::Last, device)?;
        Embedder::new(model.encoder, &config.model.encoder, device)
    }
}

fn cost(run: &PlannedRun) -> Result<MeasuredCost> {
    let identities = crate::data::TrainingSet::read(&run.sources)?.identities;
    let (trainable, tflops) = crate::info::totals(&run.config, identities);
    let mut cost = MeasuredCost {
        forward_tflops: Some(tflops),
        trainable_millions: Some(trainable as f64 / 1e6),
        ..MeasuredCost::default()
    };
    if let Some(spent) = RunCost::read(&run.folder)? {
        let seconds: f64 = spent.costs.stages.iter().map(|stage| stage.seconds).sum();
        cost.step_ms = (spent.steps > 0).then(|| 1e3 * seconds / spent.steps as f64);
        let bytes = spent.costs.gpu_memory_bytes.or(spent.peak_memory_bytes);
        cost.memory_gb = bytes.map(|bytes| bytes as f64 / 1e9);
    }
    Ok(cost)
}
