//! `trainer search`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use dcac_model::retrieval::camera_of;
use indicatif::ProgressBar;
use serde::Serialize;

use super::gallery::{CANDIDATES, Gallery, Search};

use crate::device::DeviceArgs;
use crate::embedder::Embedder;
use crate::{files, model_dir};

/// `trainer search`.
#[derive(Args)]
pub struct SearchArgs {
    /// Folder written by `trainer index`
    #[arg(long)]
    index: PathBuf,
    /// Folder of the model that made the embeddings
    #[arg(long)]
    model: PathBuf,
    /// JPEG, PNG or WebP crop to look for; may be repeated
    #[arg(long, required = true)]
    query: Vec<PathBuf>,
    /// How many to print and write
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Compare every row's embedding, which takes longer and misses none
    #[arg(long)]
    exact: bool,
    /// Rows that are compared by their embeddings, after all were by 256 bits: more find more
    /// and take longer
    #[arg(long, default_value_t = CANDIDATES, conflicts_with = "exact")]
    candidates: usize,
    /// Take each camera's mean from embeddings and divide by its deviation, both learned from the
    /// index. Names at the end of paths tell the camera, as 0002_c1_7.jpg. Compares every row
    #[arg(long, conflicts_with_all = ["candidates", "exact"])]
    normalize_cameras: bool,
    /// Do not read every file once to compare checksums: for an index that is known to be whole
    #[arg(long)]
    unchecked: bool,
    /// Write the rankings to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What was found for one query.
#[derive(Serialize)]
struct Ranking {
    query: String,
    results: Vec<Hit>,
}

#[derive(Serialize)]
struct Hit {
    /// 1 is the most alike.
    rank: usize,
    /// Path of the row.
    image: String,
    /// Cosine similarity, -1 to 1.
    score: f32,
}

/// Looks for crops in an index.
///
/// # Errors
/// A damaged index, one of another model, queries that are no pictures.
pub fn run(args: &SearchArgs) -> Result<()> {
    if args.top == 0 || args.candidates == 0 {
        bail!("--top and --candidates must be 1 or more");
    }
    let gallery = Gallery::open(&args.index, !args.unchecked)?;
    let embedder = Embedder::open(&args.model, args.device.device)?;
    match gallery.model() {
        Some(own) if own != model_dir::mark(&args.model)? => bail!(
            "{} is not the model of {}: its embeddings come from {own} (SHA-256 of weights, +flip with mirror images)",
            args.model.display(),
            args.index.display()
        ),
        Some(_) => (),
        None => eprintln!(
            "{} does not say which model it was built with",
            args.index.display()
        ),
    }
    let embedded = embedder.embed(&args.query, &ProgressBar::hidden())?;
    let how = match args.exact {
        true => Search::Exact,
        false => Search::Codes(args.candidates),
    };
    let queries: Vec<&[f32]> = embedded.chunks(embedder.width).collect();
    let found = match args.normalize_cameras {
        true => {
            let cameras: Vec<_> = (args.query.iter())
                .map(|path| camera_of(&files::name(path)))
                .collect();
            gallery.search_normalized(&queries, &cameras, args.top)?
        }
        false => (queries.iter())
            .map(|query| gallery.search(query, args.top, how))
            .collect::<Result<_>>()?,
    };
    let mut rankings = Vec::new();
    for (path, found) in args.query.iter().zip(found) {
        let results = (found.into_iter().zip(1..)).map(|(found, rank)| Hit {
            rank,
            image: found.path,
            score: found.score,
        });
        let query = path.display().to_string();
        let results: Vec<Hit> = results.collect();
        rankings.push(Ranking { query, results });
    }
    for ranking in &rankings {
        if rankings.len() > 1 {
            println!("{}", ranking.query);
        }
        for hit in &ranking.results {
            println!("{:5}  {:+.4}  {}", hit.rank, hit.score, hit.image);
        }
    }
    if let Some(path) = &args.json {
        files::write_json(path, &rankings)?;
        println!("{}", path.display());
    }
    Ok(())
}
