//! CMC and mAP on a test set.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use dcac_model::retrieval::{Label, Metrics, evaluate};
use serde::Serialize;

use crate::data::{self, Crop, NamedData, Split};
use crate::device::DeviceArgs;
use crate::files;
use crate::model_dir::Embedder;

/// Figures of one test set; shares from 0 to 1.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Layout of the test set.
    pub dataset: String,
    /// Its folder.
    pub folder: String,
    /// Share of queries whose first answer is right.
    pub rank1: f64,
    /// Share with a right answer among the first 5.
    pub rank5: f64,
    /// Share with a right answer among the first 10.
    pub rank10: f64,
    /// Everything else.
    #[serde(flatten)]
    pub metrics: Metrics,
}

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
    device: DeviceArgs,
}

/// Measures an exported model on a test set.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let data = &args.data;
    // The data first: a wrong path should not wait for a model to load.
    let sets = (data.split(Split::Query)?, data.split(Split::Gallery)?);
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let report = report(&embedder, data, &sets.0, &sets.1)?;
    print!("{}", report.table());
    if let Some(path) = &args.json {
        files::write_json(path, &report)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Evaluates an embedder on a test set.
pub fn on(embedder: &Embedder, data: &NamedData) -> Result<Report> {
    let (query, gallery) = (data.split(Split::Query)?, data.split(Split::Gallery)?);
    report(embedder, data, &query, &gallery)
}

fn report(
    embedder: &Embedder,
    data: &NamedData,
    query: &[Crop],
    gallery: &[Crop],
) -> Result<Report> {
    let paths = |crops: &[Crop]| -> Vec<PathBuf> { crops.iter().map(|c| c.path.clone()).collect() };
    let labels = |crops: &[Crop]| -> Vec<Label> { crops.iter().map(|c| c.label).collect() };
    let query_features = embedder.embed_watched("queries", &paths(query))?;
    let gallery_features = embedder.embed_watched("gallery", &paths(gallery))?;
    let metrics = evaluate(
        &query_features,
        &labels(query),
        &gallery_features,
        &labels(gallery),
        embedder.width,
    )?;
    Ok(Report {
        dataset: data.layout.to_string(),
        folder: data.folder.display().to_string(),
        rank1: metrics.rank(1),
        rank5: metrics.rank(5),
        rank10: metrics.rank(10),
        metrics,
    })
}

impl Report {
    /// The main figures in a line.
    pub fn line(&self) -> String {
        format!(
            "{}  Rank-1 {:.1}  mAP {:.1}",
            self.folder,
            100.0 * self.rank1,
            100.0 * self.metrics.map
        )
    }

    /// The figures in percent, for people.
    pub fn table(&self) -> String {
        let percent = |share: f64| format!("{:6.1}", 100.0 * share);
        let metrics = &self.metrics;
        let skipped = match metrics.skipped {
            0 => String::new(),
            skipped => format!(" ({skipped} without a match from another camera left out)"),
        };
        format!(
            "{}\n{} queries{skipped}, {} gallery images\n\
             Rank-1 {}   (chance {})\nRank-5 {}\nRank-10{}\nmAP    {}   (chance {})\nmINP   {}\n",
            self.folder,
            metrics.queries,
            metrics.gallery,
            percent(self.rank1),
            percent(metrics.chance_rank1).trim(),
            percent(self.rank5),
            percent(self.rank10),
            percent(metrics.map),
            percent(metrics.chance_map).trim(),
            percent(metrics.minp),
        )
    }
}
