//! Recall and speed of the index.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use dcac_model::retrieval::cosine_scores;
use rand::Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::index::{Builder, CANDIDATES, Gallery, SEGMENT_ROWS, Search};
use crate::{files, progress, random};

/// `trainer bench index`.
#[derive(Args)]
pub struct IndexBenchArgs {
    /// Rows to draw
    #[arg(long, default_value_t = 1_000_000)]
    vectors: usize,
    /// Numbers of an embedding
    #[arg(long, default_value_t = 512)]
    width: usize,
    /// Queries to draw
    #[arg(long, default_value_t = 200)]
    queries: usize,
    /// Rows that are compared by their embeddings; may be repeated
    #[arg(long, default_values_t = [CANDIDATES])]
    candidates: Vec<usize>,
    /// Rows of a segment
    #[arg(long, default_value_t = SEGMENT_ROWS)]
    segment_rows: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the index in this new folder
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write what was drawn to this folder too, for other programs: rows.f32, queries.f32,
    /// and of each query the ten nearest rows, nearest.u32; little-endian, row by row
    #[arg(long)]
    write: Option<PathBuf>,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What was measured.
#[derive(Serialize)]
struct Figures {
    build_seconds: f64,
    bytes_per_row: f64,
    searches: Vec<Searched>,
}

/// One way to search, with one query at a time on one core.
#[derive(Serialize)]
struct Searched {
    how: String,
    /// Share of the ten nearest that were found.
    recall: f64,
    /// Milliseconds of a query.
    median: f64,
    p99: f64,
}

/// Hits that recall is counted over.
const TOP: usize = 10;
/// Images of an identity.
const IMAGES: usize = 20;
const CAMERAS: usize = 12;
/// Rows drawn at a time.
const BLOCK: usize = 8192;

/// Draws embeddings as re-identification has them, builds an index, and measures it.
pub fn run(args: &IndexBenchArgs) -> Result<()> {
    if args.vectors < IMAGES || args.width == 0 || args.queries == 0 || args.segment_rows == 0 {
        bail!("--vectors must be {IMAGES} or more, the other numbers 1 or more");
    }
    let scratch = tempfile::tempdir()?;
    let folder = match &args.out {
        Some(out) => {
            files::require_new(out)?;
            out.clone()
        }
        None => scratch.path().join("index"),
    };
    let people = People::new(args);
    let queries: Vec<Vec<f32>> = (0..args.queries)
        .map(|query| people.embedding(query * 7919 % people.identities, IMAGES))
        .collect();
    let mut nearest = vec![Vec::new(); queries.len()];
    let mut builder = Builder::open(&folder, Some(args.width), None, args.segment_rows as usize)?;
    let bar = progress::bar("rows", args.vectors);
    let mut build = Duration::ZERO;
    let mut written = match &args.write {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            Some(File::create(folder.join("rows.f32"))?)
        }
        None => None,
    };
    for start in (0..args.vectors).step_by(BLOCK) {
        let rows: Vec<usize> = (start..args.vectors.min(start + BLOCK)).collect();
        let drawn: Vec<f32> = rows
            .par_iter()
            .flat_map_iter(|&row| people.row(row))
            .collect();
        let scan = |(query, best): (&Vec<f32>, &mut Vec<(f32, usize)>)| {
            best.extend(cosine_scores(query, &drawn).into_iter().zip(start..));
            best.sort_by(|a, b| b.0.total_cmp(&a.0));
            best.truncate(TOP);
        };
        queries.par_iter().zip(&mut nearest).for_each(scan);
        if let Some(file) = &mut written {
            file.write_all(bytemuck::cast_slice(&drawn))?;
        }
        let names: Vec<String> = rows.iter().map(|&row| name(row)).collect();
        let began = Instant::now();
        builder.add(&names, &drawn)?;
        build += began.elapsed();
        bar.inc(rows.len() as u64);
    }
    let began = Instant::now();
    builder.save()?;
    build += began.elapsed();
    bar.finish_and_clear();
    if let Some(folder) = &args.write {
        let rows = nearest.iter().flatten().map(|&(_, row)| row as u32);
        let rows: Vec<u32> = rows.collect();
        files::write(&folder.join("nearest.u32"), bytemuck::cast_slice(&rows))?;
        let queries = queries.concat();
        files::write(&folder.join("queries.f32"), bytemuck::cast_slice(&queries))?;
    }
    let (bytes, segments) = (builder.saved().bytes(), builder.saved().segments.len());
    drop(builder);
    let mut figures = Figures {
        build_seconds: build.as_secs_f64(),
        bytes_per_row: bytes as f64 / args.vectors as f64,
        searches: Vec::new(),
    };
    println!(
        "{} rows of {} numbers, {segments} segments, {} threads\nbuild {:.1} s, {:.0} bytes a row",
        args.vectors,
        args.width,
        rayon::current_num_threads(),
        figures.build_seconds,
        figures.bytes_per_row
    );
    let began = Instant::now();
    let gallery = Gallery::open(&folder, true)?;
    let checked = began.elapsed().as_secs_f64();
    let began = Instant::now();
    drop(Gallery::open(&folder, false)?);
    let unchecked = began.elapsed().as_secs_f64();
    println!("open {checked:.2} s with checksums, {unchecked:.2} s without");
    let searches = args.candidates.iter().map(|&rows| Search::Codes(rows));
    for how in searches.chain([Search::Exact]) {
        let found = measure(&gallery, &queries, &nearest, how)?;
        println!(
            "{}: recall@{TOP} {:.4}, a query {:.2} ms (median), {:.2} ms (99th percentile)",
            found.how, found.recall, found.median, found.p99
        );
        figures.searches.push(found);
    }
    if let Some(path) = &args.json {
        files::write_json(path, &figures)?;
    }
    Ok(())
}

/// Recall against exact f32 scores and the time of a query on one core.
fn measure(
    gallery: &Gallery,
    queries: &[Vec<f32>],
    nearest: &[Vec<(f32, usize)>],
    how: Search,
) -> Result<Searched> {
    let (mut times, mut hits) = (Vec::new(), 0);
    for (query, nearest) in queries.iter().zip(nearest) {
        let began = Instant::now();
        let found = gallery.search(query, TOP, how)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let is_near = |path: &str| nearest.iter().any(|&(_, row)| path == name(row));
        hits += found.iter().filter(|found| is_near(&found.path)).count();
    }
    times.sort_by(f64::total_cmp);
    let label = match how {
        Search::Codes(rows) => format!("{rows} candidates"),
        Search::Exact => "exact".to_string(),
    };
    let expected: usize = nearest.iter().map(Vec::len).sum();
    Ok(Searched {
        how: label,
        recall: hits as f64 / expected as f64,
        median: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    })
}

fn name(row: usize) -> String {
    format!("drawn/{row:09}.jpg")
}

/// Identities around whom images scatter. Variances fall along the axes as 1/(1 + j), as
/// those of learnt embeddings do; cameras shift all of their images alike.
struct People {
    seed: u64,
    identities: usize,
    deviations: Vec<f32>,
    cameras: Vec<Vec<f32>>,
}

impl People {
    fn new(args: &IndexBenchArgs) -> Self {
        let falling = (0..args.width).map(|axis| 1.0 / (1.0 + axis as f32));
        let total: f32 = falling.clone().sum();
        let mut people = Self {
            seed: args.seed,
            identities: args.vectors / IMAGES,
            deviations: falling.map(|variance| (variance / total).sqrt()).collect(),
            cameras: Vec::new(),
        };
        people.cameras = (0..CAMERAS as u64)
            .map(|camera| people.draw("camera", camera, 0.4))
            .collect();
        people
    }

    /// A point of the population, scaled.
    fn draw(&self, what: &str, index: u64, scale: f32) -> Vec<f32> {
        let mut rng = random::stream(self.seed, what, index);
        let drawn = random::normals(&mut rng, self.deviations.len());
        let scaled = drawn.iter().zip(&self.deviations);
        scaled
            .map(|(value, deviation)| scale * value * deviation)
            .collect()
    }

    /// The rows in an order that mixes identities.
    fn row(&self, row: usize) -> Vec<f32> {
        self.embedding(row % self.identities, row / self.identities)
    }

    /// L2-normalised: identity, camera, and what differs from image to image, of which a
    /// part is equal along all axes.
    fn embedding(&self, identity: usize, image: usize) -> Vec<f32> {
        let number = (identity * (IMAGES + 2) + image) as u64;
        let mut rng = random::stream(self.seed, "image", number);
        let camera = &self.cameras[rng.random_range(0..CAMERAS)];
        let even = 0.3 / (self.deviations.len() as f32).sqrt();
        let noise = random::normals(&mut rng, self.deviations.len());
        let mut sum = self.draw("identity", identity as u64, 1.0);
        for (axis, value) in sum.iter_mut().enumerate() {
            *value += camera[axis] + 0.8 * (0.7 * self.deviations[axis] + even) * noise[axis];
        }
        let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        sum.iter_mut().for_each(|value| *value /= norm);
        sum
    }
}
