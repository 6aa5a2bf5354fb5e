//! CMC, mAP and more on a test set.

mod calibrate;
mod evaluation;
mod page;
mod report;
mod settings;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::data::{self, NamedData};
use crate::device::DeviceArgs;
use crate::embedder::{Embedder, report_broken};
use crate::{files, model_dir};

pub use evaluation::{Evaluation, on};
use page::PageArgs;
pub use report::Report;
pub use settings::Settings;

/// `trainer evaluate`.
#[derive(Args)]
#[command(after_help = data::HELP)]
pub struct EvaluateArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Test set as NAME=DIR (see below)
    #[arg(long)]
    data: NamedData,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    page: PageArgs,
    /// Find out what scores mean: store in the model's manifest.json how probable it is, by their
    /// score, that two pictures show the same person; with --normalize-cameras beside those
    /// without. Use a set that no figure is reported on
    #[arg(long, conflicts_with_all = ["rerank", "expand_queries"])]
    calibrate: bool,
    /// Share of pairs of the same person for which probabilities hold, as 0.001 where a
    /// thousandth of a gallery shows whom a query shows; the set's own unless given
    #[arg(long, requires = "calibrate", value_parser = calibrate::prior)]
    prior: Option<f64>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Measures an exported model on a test set.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let (data, settings) = (&args.data, &args.settings);
    if settings.ranks.contains(&0) {
        bail!("--ranks counts from 1");
    }
    // The data first: a wrong path should not wait for a model to load.
    let sets = evaluation::splits(data)?;
    if let Some(notice) = data.layout.notice() {
        println!("warning: {notice}");
    }
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let evaluation = evaluation::measure_on(&embedder, data, sets, settings)?;
    let report = &evaluation.report;
    print!("{}", report.table(&settings.ranks));
    report_broken(&report.broken);
    if args.calibrate {
        let found = calibrate::calibrate(&args.model, &evaluation, args.prior, settings.memory)?;
        print!("\n{}", found.table());
        println!(
            "stored in {}",
            args.model.join(model_dir::MANIFEST).display()
        );
    }
    if let Some(path) = &args.page.html {
        // What re-ranking and averaging make of scores, no map knows.
        let calibration = match settings.rerank.is_none() && settings.expand_queries.is_none() {
            true => model_dir::calibration(&args.model, settings.normalize_cameras)?,
            false => None,
        };
        page::write(path, &args.page, &evaluation, &embedder, calibration)?;
        println!("{}", path.display());
    }
    if let Some(path) = &args.json {
        files::write_json(path, report)?;
        println!("{}", path.display());
    }
    Ok(())
}
