//! `report.html`: a finished run on one page that needs no other file.
//!
//! It is made of what the run's folder holds (`config.toml`, `metrics.jsonl`, and
//! where they exist `evaluations.jsonl` and `cost.json`) and of the final evaluation.

mod chart;
mod command;
mod cost;
mod curve;
mod examples;
mod figures;
mod history;
mod retrieved;
mod training;

use std::path::{Path, PathBuf};

use anyhow::Result;
use maud::html;

use crate::config::RunConfig;
use crate::evaluate::{Evaluation, Report};
use crate::train::{CONFIG, Checkpoint};
use crate::{files, page};
use history::History;

pub use command::{ReportArgs, run};
pub use examples::Examples;
pub use figures::table as figures_table;

/// What a report says of one test set.
pub struct Target {
    /// The final figures.
    pub report: Report,
    /// The best and worst queries in pictures, or why there are none.
    pub examples: Result<Examples, String>,
}

impl Target {
    /// A test set whose crops and embeddings are at hand.
    ///
    /// # Errors
    /// Crops that have gone since they were embedded.
    pub fn of(evaluation: &Evaluation) -> Result<Self> {
        Ok(Self {
            report: evaluation.report.clone(),
            examples: Ok(Examples::of(evaluation)?),
        })
    }
}

/// Writes `report.html` into the folder of a run and returns its path.
///
/// # Errors
/// Files of the run that are missing or hold something else, and a full disk.
pub fn write(run: &Path, state: &Checkpoint, targets: &[Target]) -> Result<PathBuf> {
    let config_path = run.join(CONFIG);
    let config = RunConfig::read(&config_path, &[])?;
    let text = files::read_text(&config_path)?;
    let history = History::read(run)?;
    let page = page(run, state, &config, &text, &history, targets);
    let path = run.join("report.html");
    files::write(&path, page.as_bytes())?;
    Ok(path)
}

fn page(
    run: &Path,
    state: &Checkpoint,
    config: &RunConfig,
    config_text: &str,
    history: &History,
    targets: &[Target],
) -> String {
    let method = config.method();
    // Names alone: where data lies on a machine is no part of what others may read.
    let sources: Vec<String> = (state.sources.iter())
        .map(|source| files::name(Path::new(source)))
        .collect();
    let title = format!("{method}, seed {}: {}", config.seed, files::name(run));
    let body = html! {
        header {
            h1 { (method) }
            dl.facts {
                div { dt { "Run" } dd { (files::name(run)) } }
                div { dt { "Seed" } dd { (config.seed) } }
                div { dt { "Trained on" } dd { (sources.join(", ")) } }
                div { dt { "Images" } dd { (state.images) " of " (state.identities) " identities" } }
                div { dt { "Length" } dd { (state.epoch) " epochs, " (state.step) " steps" } }
            }
        }
        main {
            (figures::section(targets, history))
            (training::curves(history))
            (retrieved::section(targets))
            (cost::section(history))
            section {
                h2 { "Configuration" }
                details {
                    summary { "Every key, as resolved (" (CONFIG) ")" }
                    pre { (config_text) }
                }
            }
        }
    };
    page::document(&title, &body, &[include_str!("script.js")])
}
