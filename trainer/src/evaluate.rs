//! CMC and mAP on a test set.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use dcac_model::retrieval::{Label, Metrics, evaluate_each};
use serde::{Deserialize, Serialize};

use crate::data::{self, Crop, NamedData, Split};
use crate::device::DeviceArgs;
use crate::embedder::{Broken, BrokenArgs, Embedder, report_broken};
use crate::files;

/// Figures of one test set; shares from 0 to 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Files that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
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
    broken: BrokenArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Measures an exported model on a test set.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let data = &args.data;
    // The data first: a wrong path should not wait for a model to load.
    let sets = (data.split(Split::Query)?, data.split(Split::Gallery)?);
    if let Some(notice) = data.layout.notice() {
        println!("warning: {notice}");
    }
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let report = measure(&embedder, data, sets, args.broken)?.report;
    report_broken(&report.broken);
    print!("{}", report.table());
    if let Some(path) = &args.json {
        files::write_json(path, &report)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// What an evaluation found, and what it was computed from.
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// The crops that were looked for.
    pub query: Embedded,
    /// The crops that were looked through.
    pub gallery: Embedded,
    /// Average precision of each query, none for those without a match from another camera.
    pub average_precision: Vec<Option<f64>>,
    /// Width of an embedding.
    pub width: usize,
}

/// Crops and what a model makes of them.
pub struct Embedded {
    /// The crops.
    pub crops: Vec<Crop>,
    /// Their L2-normalised embeddings, row-major.
    pub features: Vec<f32>,
}

impl Embedded {
    fn compute(
        embedder: &Embedder,
        what: &str,
        crops: &[Crop],
        broken: BrokenArgs,
    ) -> Result<(Self, Vec<Broken>)> {
        let paths: Vec<PathBuf> = crops.iter().map(|crop| crop.path.clone()).collect();
        let bar = files::progress(what, paths.len());
        let found = embedder.embed_kept(&paths, broken, &bar)?;
        let embedded = Self {
            crops: (found.kept.iter())
                .map(|&index| crops[index].clone())
                .collect(),
            features: found.features,
        };
        Ok((embedded, found.broken))
    }

    /// Who each crop shows, and by which camera.
    pub fn labels(&self) -> Vec<Label> {
        self.crops.iter().map(|crop| crop.label).collect()
    }
}

/// Evaluates an embedder on a test set.
pub fn on(embedder: &Embedder, data: &NamedData) -> Result<Evaluation> {
    let sets = (data.split(Split::Query)?, data.split(Split::Gallery)?);
    measure(embedder, data, sets, BrokenArgs::default())
}

fn measure(
    embedder: &Embedder,
    data: &NamedData,
    (query, gallery): (Vec<Crop>, Vec<Crop>),
    broken: BrokenArgs,
) -> Result<Evaluation> {
    let (query, mut left_out) = Embedded::compute(embedder, "queries", &query, broken)?;
    let (gallery, others) = Embedded::compute(embedder, "gallery", &gallery, broken)?;
    left_out.extend(others);
    let (metrics, average_precision) = evaluate_each(
        &query.features,
        &query.labels(),
        &gallery.features,
        &gallery.labels(),
        embedder.width,
    )?;
    let report = Report {
        dataset: data.layout.to_string(),
        folder: data.folder.display().to_string(),
        rank1: metrics.rank(1),
        rank5: metrics.rank(5),
        rank10: metrics.rank(10),
        metrics,
        broken: left_out,
    };
    Ok(Evaluation {
        report,
        query,
        gallery,
        average_precision,
        width: embedder.width,
    })
}

impl Report {
    /// What the test set is called beside others: its folder's last part and its layout.
    pub fn name(&self) -> String {
        let folder = files::name(Path::new(&self.folder));
        format!("{folder} ({})", self.dataset)
    }

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
