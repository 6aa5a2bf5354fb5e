//! One crop against a folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::{cosine_scores, rank};
use serde::Serialize;

use crate::data::read_pixels;
use crate::device::DeviceChoice;
use crate::files;
use crate::model_dir::Embedder;

/// What `trainer rank` was asked.
pub struct RankRequest {
    /// Model folder.
    pub model: PathBuf,
    /// The crop to look for.
    pub query: PathBuf,
    /// Folder of crops.
    pub gallery: PathBuf,
    /// How many to give; all unless set.
    pub top: Option<usize>,
    /// File to write.
    pub json: Option<PathBuf>,
    /// Where to compute.
    pub device: DeviceChoice,
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

/// `trainer rank`.
pub fn run(request: &RankRequest) -> Result<()> {
    if request.top == Some(0) {
        bail!("--top 0 asks for nothing; give 1 or more");
    }
    read_pixels(&request.query)?;
    let gallery = files::images(&request.gallery)?;
    let embedder = Embedder::open(&request.model, request.device)?;
    let query = embedder.embed(std::slice::from_ref(&request.query), &|_| ())?;
    let features = embedder.embed_watched("gallery", &gallery)?;
    let scores = cosine_scores(&query, &features);
    let order = rank(&scores).with_context(|| request.gallery.display().to_string())?;
    let results: Vec<Hit> = (order.into_iter().enumerate())
        .take(request.top.unwrap_or(usize::MAX))
        .map(|(place, index)| Hit {
            rank: place + 1,
            image: files::name(&gallery[index]),
            score: scores[index],
        })
        .collect();
    for hit in &results {
        println!("{:5}  {:+.4}  {}", hit.rank, hit.score, hit.image);
    }
    if let Some(path) = &request.json {
        let query = files::name(&request.query);
        files::write_json(path, &Ranking { query, results })?;
        println!("{}", path.display());
    }
    Ok(())
}
