//! Seconds of evaluation and re-ranking on drawn embeddings.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use dcac_model::retrieval::{Label, Rerank};
use indicatif::ProgressBar;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::Serialize;

use crate::retrieval::{Measures, Side, each_row, measure, memory, rerank, rerank_settings};
use crate::train::peak_memory;
use crate::{files, random};

/// `trainer bench eval`.
#[derive(Args)]
pub struct EvalArgs {
    /// Queries; the defaults are MSMT17's test set
    #[arg(long, default_value_t = 11_659)]
    queries: usize,
    /// Gallery images
    #[arg(long, default_value_t = 82_161)]
    gallery: usize,
    /// Numbers of an embedding
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Identities
    #[arg(long, default_value_t = 3060)]
    identities: usize,
    /// Cameras
    #[arg(long, default_value_t = 15)]
    cameras: usize,
    /// Re-rank too; 20,6,0.3 unless K1,K2,LAMBDA are given
    #[arg(long, num_args = 0..=1, default_missing_value = "20,6,0.3", value_parser = rerank_settings)]
    rerank: Option<Rerank>,
    /// Most memory for scores, in MiB
    #[arg(long, default_value = "512", value_parser = memory)]
    memory: usize,
    /// Write the embeddings and labels to this folder too, for other programs: query.f32,
    /// gallery.f32, query.i32, gallery.i32 (identity, camera), little-endian, row by row
    #[arg(long)]
    write: Option<PathBuf>,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What was measured, in seconds.
#[derive(Serialize)]
struct Figures {
    /// The matrix of scores, block by block, and nothing more.
    product: f64,
    /// CMC, mAP and mINP.
    evaluate: f64,
    /// mAP of the evaluation.
    map: f64,
    /// Rank-1 of the evaluation.
    rank1: f64,
    /// The neighbours and encodings of re-ranking, and the evaluation of its distances.
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank: Option<f64>,
    /// mAP after re-ranking.
    #[serde(skip_serializing_if = "Option::is_none")]
    reranked_map: Option<f64>,
    /// Most memory that the process held.
    peak_memory_bytes: Option<u64>,
}

/// Draws embeddings around one centre per identity, measures and prints.
pub fn run(args: &EvalArgs) -> Result<()> {
    let sizes = [
        args.queries,
        args.gallery,
        args.dim,
        args.identities,
        args.cameras,
    ];
    if sizes.contains(&0) {
        bail!("--queries, --gallery, --dim, --identities and --cameras must be above 0");
    }
    let (query, query_labels) = draw(args, "query", args.queries);
    let (gallery, gallery_labels) = draw(args, "gallery", args.gallery);
    if let Some(folder) = &args.write {
        for (name, features, labels) in [
            ("query", &query, &query_labels),
            ("gallery", &gallery, &gallery_labels),
        ] {
            let bytes: Vec<u8> = features
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            files::write(&folder.join(format!("{name}.f32")), &bytes)?;
            let bytes: Vec<u8> = (labels.iter())
                .flat_map(|label| [label.identity, label.camera as i32])
                .flat_map(i32::to_le_bytes)
                .collect();
            files::write(&folder.join(format!("{name}.i32")), &bytes)?;
        }
    }
    let ask = Measures {
        ranks: 20,
        fpr: Vec::new(),
        by_camera: false,
        memory: args.memory,
    };
    let bar = ProgressBar::hidden;
    let (dim, memory) = (args.dim, args.memory);
    let started = Instant::now();
    each_row(&query, &gallery, dim, memory, &bar(), |_, _| Ok(()))?;
    let product = started.elapsed().as_secs_f64();
    let query_side = Side {
        features: &query,
        labels: &query_labels,
    };
    let gallery_side = Side {
        features: &gallery,
        labels: &gallery_labels,
    };
    let evaluate = |adjust| measure(query_side, gallery_side, dim, &ask, &bar(), adjust);
    let started = Instant::now();
    let metrics = evaluate(None)?.metrics;
    let mut figures = Figures {
        product,
        evaluate: started.elapsed().as_secs_f64(),
        map: metrics.map,
        rank1: metrics.rank(1),
        rerank: None,
        reranked_map: None,
        peak_memory_bytes: peak_memory(),
    };
    if let Some(rule) = args.rerank {
        let started = Instant::now();
        let reranked = rerank(&query, &gallery, dim, rule, memory, &bar())?;
        let adjust = |index: usize, scores: &mut [f32]| reranked.adjust(index, scores);
        let metrics = evaluate(Some(&adjust))?.metrics;
        figures.rerank = Some(started.elapsed().as_secs_f64());
        figures.reranked_map = Some(metrics.map);
        figures.peak_memory_bytes = peak_memory();
    }
    let text = serde_json::to_string_pretty(&figures)?;
    println!("{text}");
    if let Some(path) = &args.json {
        files::write_json(path, &figures)?;
    }
    Ok(())
}

/// L2-normalised embeddings and labels: a centre per identity plus twice as much noise.
fn draw(args: &EvalArgs, what: &str, count: usize) -> (Vec<f32>, Vec<Label>) {
    let normal = |name: &str, index: usize| {
        let mut rng = random::stream(1, name, index as u64);
        (0..args.dim).map(move |_| -> f32 { StandardNormal.sample(&mut rng) })
    };
    let mut rows = vec![0.0_f32; count * args.dim];
    (rows.par_chunks_exact_mut(args.dim).enumerate()).for_each(|(index, row)| {
        let centre = normal("identity", index * args.identities / count);
        for (value, (centre, noise)) in row.iter_mut().zip(centre.zip(normal(what, index))) {
            *value = centre + 2.0 * noise;
        }
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= norm);
    });
    let label = |row: usize| Label {
        identity: (row * args.identities / count) as i32,
        camera: (row % args.cameras) as u32,
    };
    (rows, (0..count).map(label).collect())
}
