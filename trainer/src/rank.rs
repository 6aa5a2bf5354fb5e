//! Crops against a folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dcac_model::retrieval::{Calibration, Cameras, camera_of, cosine_scores, label_of, rank};
use maud::html;
use serde::Serialize;

use crate::data::read_pixels;
use crate::device::DeviceArgs;
use crate::embedder::{Broken, BrokenArgs, Embedder, report_broken};
use crate::page::{self, Matched, Picture, Ranked, Shown, legend, meaning};
use crate::{files, model_dir, progress};

/// `trainer rank`.
#[derive(Args)]
pub struct RankArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Crop to look for, or a folder of crops, subfolders too; may be given several times
    #[arg(long, required = true)]
    query: Vec<PathBuf>,
    /// Folder of crops, subfolders too
    #[arg(long)]
    gallery: PathBuf,
    /// Take each camera's mean from embeddings and divide by its deviation, both learned from
    /// the gallery. File names tell the camera, as 0002_c1_7.jpg or 0002_c1s1_000451_03.jpg
    #[arg(long)]
    normalize_cameras: bool,
    /// How many to print and write; all unless given
    #[arg(long)]
    top: Option<usize>,
    /// Write the ranking to this file too, a list of them for several queries
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write a page with the pictures too, at most 50 a query
    #[arg(long)]
    html: Option<PathBuf>,
    /// On the page, show for so many first hits which parts match the query's
    #[arg(long, default_value_t = 3)]
    patches: usize,
    #[command(flatten)]
    broken: BrokenArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Hits of a query on a page unless `--top` says fewer.
const PICTURES: usize = 50;

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
    /// Probability that it shows the same person, where the model is calibrated.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(skip)]
    path: PathBuf,
}

/// Ranks a folder by likeness to each query.
pub fn run(args: &RankArgs) -> Result<()> {
    if args.top == Some(0) {
        bail!("--top 0 asks for nothing; give 1 or more");
    }
    let asked = queries(&args.query)?;
    let gallery = files::images_below(&args.gallery)?;
    let calibration = model_dir::calibration(&args.model, args.normalize_cameras)?;
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let mut queries = embedder.embed(&asked, &progress::bar("queries", asked.len()))?;
    let bar = progress::bar("gallery", gallery.len());
    let mut embedded = embedder.embed_kept(&gallery, args.broken, &bar)?;
    if args.normalize_cameras {
        let cameras: Vec<_> = (embedded.kept.iter())
            .map(|&index| camera_of(&files::name(&gallery[index])))
            .collect();
        if cameras.iter().all(Option::is_none) {
            bail!(
                "--normalize-cameras: no file name in {} tells a camera; they begin with identity and camera, as 0002_c1_7.jpg",
                args.gallery.display()
            );
        }
        let known = Cameras::even_out(&mut embedded.features, &cameras, embedder.width)?;
        let theirs: Vec<_> = asked
            .iter()
            .map(|path| camera_of(&files::name(path)))
            .collect();
        known.normalize(&mut queries, &theirs)?;
    }
    let mut rankings = Vec::new();
    for (query, features) in asked.iter().zip(queries.chunks_exact(embedder.width)) {
        let scores = cosine_scores(features, &embedded.features);
        let order = rank(&scores).with_context(|| args.gallery.display().to_string())?;
        let hits = (1..).zip(order).take(args.top.unwrap_or(usize::MAX));
        let results = hits.map(|(place, index)| {
            let path = &gallery[embedded.kept[index]];
            Hit {
                rank: place,
                image: files::name_within(&args.gallery, path),
                score: scores[index],
                probability: calibration.map(|map| map.probability(scores[index])),
                path: path.clone(),
            }
        });
        rankings.push(Ranking {
            query: files::name(query),
            results: results.collect(),
            broken: embedded.broken.clone(),
        });
    }
    for ranking in &rankings {
        if rankings.len() > 1 {
            println!("{}", ranking.query);
        }
        print(&ranking.results);
    }
    if let Some(map) = &calibration {
        println!(
            "probabilities are for galleries of which {:.3} % show whom a query shows",
            100.0 * map.prior
        );
    }
    report_broken(&embedded.broken);
    if let Some(path) = &args.html {
        let page = draw(args, &asked, &rankings, calibration.as_ref(), &embedder)?;
        files::write(path, page.as_bytes())?;
        println!("{}", path.display());
    }
    if let Some(path) = &args.json {
        match &rankings[..] {
            [ranking] => files::write_json(path, ranking)?,
            several => files::write_json(path, &several)?,
        }
        println!("{}", path.display());
    }
    Ok(())
}

/// The crops to look for. A wrong one should not wait for the gallery.
fn queries(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in given {
        match path.is_dir() {
            true => all.extend(files::images_below(path)?),
            false => {
                read_pixels(path)?;
                all.push(path.clone());
            }
        }
    }
    Ok(all)
}

fn print(hits: &[Hit]) {
    for hit in hits {
        let probability = hit.probability.map(|p| format!("{:5.1} %  ", 100.0 * p));
        let probability = probability.unwrap_or_default();
        println!(
            "{:5}  {:+.4}  {probability}{}",
            hit.rank, hit.score, hit.image
        );
    }
}

/// The page: every query and its first hits.
fn draw(
    args: &RankArgs,
    asked: &[PathBuf],
    rankings: &[Ranking],
    calibration: Option<&Calibration>,
    embedder: &Embedder,
) -> Result<String> {
    let label = |path: &Path| label_of(&files::name(path));
    let mut queries = Vec::new();
    for (path, ranking) in asked.iter().zip(rankings) {
        let patches = embedder.patches(path)?;
        let whom = label(path);
        let mut hits = Vec::new();
        for hit in ranking.results.iter().take(PICTURES) {
            let theirs = label(&hit.path);
            let matched = match hit.rank <= args.patches {
                true => Some(Matched::of(&patches, &embedder.patches(&hit.path)?)?),
                false => None,
            };
            hits.push(Shown {
                picture: Picture::of(&hit.path, theirs)?,
                score: hit.score,
                probability: hit.probability,
                right: whom.zip(theirs).map(|(a, b)| a.identity == b.identity),
                matched,
            });
        }
        queries.push(Ranked {
            query: Picture::of(path, whom)?,
            hits,
            names: true,
        });
    }
    let body = html! {
        header { h1 { "Ranking of " (files::name(&args.gallery)) } }
        main {
            p.note {
                "The pictures of the folder that are most alike to each query, most alike first. "
                @if args.normalize_cameras { "What cameras do to embeddings is taken out of them. " }
                "Where file names say who is shown, " (legend())
                @if let Some(map) = calibration { (meaning(map)) }
            }
            @for ranked in &queries {
                article.query {
                    h4 { (ranked.query.name) }
                    (ranked.draw())
                }
            }
        }
    };
    let title = format!("Ranking of {}", files::name(&args.gallery));
    Ok(page::document(&title, &body, &[page::PATCHES]))
}
