//! One crop against a folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use dcac_model::retrieval::{cosine_scores, rank};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::data::read_pixels;
use crate::device::DeviceArgs;
use crate::embedder::{Broken, BrokenArgs, Embedder, report_broken};
use crate::files;

/// `trainer rank`.
#[derive(Args)]
pub struct RankArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// JPEG or PNG crop to look for
    #[arg(long)]
    query: PathBuf,
    /// Folder of crops, subfolders too
    #[arg(long)]
    gallery: PathBuf,
    /// How many to print and write; all unless given
    #[arg(long)]
    top: Option<usize>,
    /// Write the ranking to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    broken: BrokenArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Ranking {
    query: String,
    results: Vec<Hit>,
    /// Files that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Hit {
    /// 1 is the most alike.
    rank: usize,
    /// File name within the gallery.
    image: String,
    /// Cosine similarity, -1 to 1.
    score: f32,
}

/// Ranks a folder by likeness to one crop.
pub fn run(args: &RankArgs) -> Result<()> {
    if args.top == Some(0) {
        bail!("--top 0 asks for nothing; give 1 or more");
    }
    read_pixels(&args.query)?;
    let gallery = files::images_below(&args.gallery)?;
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let query = embedder.embed(std::slice::from_ref(&args.query), &ProgressBar::hidden())?;
    let bar = files::progress("gallery", gallery.len());
    let embedded = embedder.embed_kept(&gallery, args.broken, &bar)?;
    let scores = cosine_scores(&query, &embedded.features);
    let order = rank(&scores).with_context(|| args.gallery.display().to_string())?;
    let results: Vec<Hit> = (order.into_iter().enumerate())
        .take(args.top.unwrap_or(usize::MAX))
        .map(|(place, index)| Hit {
            rank: place + 1,
            image: files::name_within(&args.gallery, &gallery[embedded.kept[index]]),
            score: scores[index],
        })
        .collect();
    for hit in &results {
        println!("{:5}  {:+.4}  {}", hit.rank, hit.score, hit.image);
    }
    report_broken(&embedded.broken);
    if let Some(path) = &args.json {
        let ranking = Ranking {
            query: files::name(&args.query),
            results,
            broken: embedded.broken,
        };
        files::write_json(path, &ranking)?;
        println!("{}", path.display());
    }
    Ok(())
}
