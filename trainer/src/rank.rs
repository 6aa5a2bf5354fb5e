//! One crop against a folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use dcac_model::retrieval::{cosine_scores, rank};
use serde::Serialize;

use crate::data::read_pixels;
use crate::device::DeviceArgs;
use crate::files;
use crate::model_dir::Embedder;

/// `trainer rank`.
#[derive(Args)]
pub struct RankArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// JPEG or PNG crop to look for
    #[arg(long)]
    query: PathBuf,
    /// Folder of JPEG or PNG crops
    #[arg(long)]
    gallery: PathBuf,
    /// How many to print and write; all unless given
    #[arg(long)]
    top: Option<usize>,
    /// Write the ranking to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Ranking {
    query: String,
    results: Vec<Hit>,
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
    let gallery = files::images(&args.gallery)?;
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let query = embedder.embed(std::slice::from_ref(&args.query), &|_| ())?;
    let features = embedder.embed_watched("gallery", &gallery)?;
    let scores = cosine_scores(&query, &features);
    let order = rank(&scores).with_context(|| args.gallery.display().to_string())?;
    let results: Vec<Hit> = (order.into_iter().enumerate())
        .take(args.top.unwrap_or(usize::MAX))
        .map(|(place, index)| Hit {
            rank: place + 1,
            image: files::name(&gallery[index]),
            score: scores[index],
        })
        .collect();
    for hit in &results {
        println!("{:5}  {:+.4}  {}", hit.rank, hit.score, hit.image);
    }
    if let Some(path) = &args.json {
        let query = files::name(&args.query);
        files::write_json(path, &Ranking { query, results })?;
        println!("{}", path.display());
    }
    Ok(())
}
