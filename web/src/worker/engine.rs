//! Embeds pictures and ranks them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use dcac_model::clip::VitConfig;
use dcac_model::image::{Preprocess, decode};
use dcac_model::reid::EncoderConfig;
use dcac_model::retrieval::{
    Gallery, Label, Metrics, Neighbours, RANKS, Rerank, Reranked, cosine_scores, expand_query,
    patch_similarity, rank,
};
use gloo::timers::future::sleep;

use super::encoder::Encoder;
use super::fetch;
use super::protocol::{Hit, Item, Job, Pair, Parts, Reply};

/// Pictures per forward: enough to keep a GPU busy, few enough that progress moves.
const BATCH: usize = 8;

/// Milliseconds of work after which newer messages are let in.
const BREATH: f64 = 50.0;

/// A loaded model and the embeddings that it computed so far.
pub struct Engine {
    encoder: Encoder,
    preprocess: Preprocess,
    vit: VitConfig,
    known: HashMap<u32, Vec<f32>>,
    measured: Option<Measured>,
}

/// The labelled pictures that were measured last, and what came of it.
struct Measured {
    pictures: Vec<(u32, Label)>,
    metrics: Option<Metrics>,
}

/// Why a job ended early.
pub enum Stop {
    /// A newer job waits.
    Replaced,
    /// This job has no answer.
    Job(String),
    /// No further job can have one.
    Engine(String),
}

impl Engine {
    /// An engine that knows no picture yet.
    pub fn new(config: EncoderConfig, encoder: Encoder) -> Self {
        Self {
            encoder,
            preprocess: config.preprocess,
            vit: config.vit,
            known: HashMap::new(),
            measured: None,
        }
    }

    /// Ranks a job's gallery by likeness to its query. `replaced` says whether a newer
    /// job waits; `post` takes progress and complaints about single pictures.
    pub async fn run(
        &mut self,
        job: &Job,
        replaced: impl Fn() -> bool,
        post: impl Fn(&Reply),
    ) -> Result<Vec<Hit>, Stop> {
        self.embed(job, replaced, post).await?;
        let query = (self.mean(&job.queries))
            .ok_or_else(|| Stop::Job("the query picture cannot be used".to_string()))?;
        let (ids, rows): (Vec<u32>, Vec<&[f32]>) = (job.gallery.iter())
            .filter(|item| job.queries.iter().all(|query| query.id != item.id))
            .filter_map(|item| Some((item.id, self.known.get(&item.id)?.as_slice())))
            .unzip();
        if ids.is_empty() {
            let reason = "no picture of the gallery can be used; add JPEG, PNG or WebP pictures";
            return Err(Stop::Job(reason.to_string()));
        }
        let gallery = rows.concat();
        let scores = cosine_scores(&query, &gallery);
        let mut order_by = scores.clone();
        if job.rerank {
            rerank(&query, &gallery).adjust(0, &mut order_by);
        }
        let order = rank(&order_by).map_err(|error| Stop::Engine(error.to_string()))?;
        let hit = |index: usize| Hit {
            picture: ids[index],
            score: scores[index],
        };
        Ok(order.into_iter().map(hit).collect())
    }

    /// The mean embedding of those pictures that could be read, L2-normalised.
    fn mean(&self, pictures: &[Item]) -> Option<Vec<f32>> {
        let known = pictures.iter().filter_map(|item| self.known.get(&item.id));
        let known: Vec<&[f32]> = known.map(Vec::as_slice).collect();
        let (first, others) = known.split_first()?;
        let rows: Vec<u32> = (0..others.len() as u32).collect();
        Some(expand_query(first, &others.concat(), &rows))
    }

    /// Measures how well the labelled pictures of a job's gallery find each other: every one
    /// is looked for in all, by the protocol of the field. None where nobody is seen by two
    /// cameras, and `Stop::Replaced` once `replaced` says that a newer job waits.
    pub async fn measure(
        &mut self,
        job: &Job,
        replaced: impl Fn() -> bool,
    ) -> Result<Option<Metrics>, Stop> {
        let labelled = |item: &Item| {
            let label = item.label.filter(|_| self.known.contains_key(&item.id))?;
            Some((item.id, label))
        };
        let pictures: Vec<(u32, Label)> = job.gallery.iter().filter_map(labelled).collect();
        // Another query changes nothing here.
        if let Some(before) = &self.measured
            && before.pictures == pictures
        {
            return Ok(before.metrics.clone());
        }
        let labels: Vec<Label> = pictures.iter().map(|&(_, label)| label).collect();
        let rows: Vec<&[f32]> =
            (pictures.iter().map(|(id, _)| self.known[id].as_slice())).collect();
        let gallery = Gallery::new(&labels);
        let features = rows.concat();
        let mut found = Vec::new();
        let mut begin = js_sys::Date::now();
        for (row, &label) in rows.iter().zip(&labels) {
            if label.identity <= 0 {
                continue;
            }
            let mut scores = cosine_scores(row, &features);
            let measured = gallery.measure(label, &mut scores);
            found.push(measured.map_err(|error| Stop::Engine(error.to_string()))?);
            if js_sys::Date::now() - begin > BREATH {
                sleep(Duration::ZERO).await;
                if replaced() {
                    return Err(Stop::Replaced);
                }
                begin = js_sys::Date::now();
            }
        }
        let metrics = Metrics::of(&found, gallery.len(), RANKS).ok();
        self.measured = Some(Measured {
            pictures,
            metrics: metrics.clone(),
        });
        Ok(metrics)
    }

    /// Finds out which parts of two pictures look alike.
    pub async fn compare(&self, pair: &Pair) -> Result<Parts, String> {
        let mut pixels = Vec::with_capacity(2 * self.preprocess.len());
        self.input(&pair.query, &mut pixels).await?;
        self.input(&pair.hit, &mut pixels).await?;
        let tokens = self.encoder.patches(pixels, &self.preprocess).await?;
        let (query, hit) = tokens.split_at(tokens.len() / 2);
        Ok(Parts {
            rows: self.vit.height / self.vit.patch,
            columns: self.vit.width / self.vit.patch,
            similarity: patch_similarity(query, hit, self.vit.dim),
        })
    }

    /// Embeds the job's pictures that are not known yet.
    async fn embed(
        &mut self,
        job: &Job,
        replaced: impl Fn() -> bool,
        post: impl Fn(&Reply),
    ) -> Result<(), Stop> {
        let items = || job.queries.iter().chain(&job.gallery);
        let mut wanted: HashSet<u32> = items().map(|item| item.id).collect();
        self.known.retain(|id, _| wanted.contains(id));
        wanted.retain(|id| !self.known.contains_key(id));
        let total = wanted.len();
        let new: Vec<&Item> = items().filter(|item| wanted.remove(&item.id)).collect();
        let progress = |done| {
            post(&Reply::Progress {
                job: job.id,
                done,
                total,
            });
        };
        progress(0);
        for (number, batch) in new.chunks(BATCH).enumerate() {
            let mut ids = Vec::with_capacity(batch.len());
            let mut pixels = Vec::with_capacity(batch.len() * self.preprocess.len());
            for item in batch {
                match self.input(item, &mut pixels).await {
                    Ok(()) => ids.push(item.id),
                    Err(reason) => post(&Reply::Unreadable {
                        picture: item.id,
                        reason,
                    }),
                }
            }
            // Reading has let newer messages in.
            if replaced() {
                return Err(Stop::Replaced);
            }
            if !ids.is_empty() {
                let embeddings =
                    (self.encoder.embed(pixels, &self.preprocess).await).map_err(Stop::Engine)?;
                let width = embeddings.len() / ids.len();
                let rows = embeddings.chunks_exact(width).map(<[f32]>::to_vec);
                self.known.extend(ids.into_iter().zip(rows));
            }
            progress((number * BATCH) + batch.len());
        }
        Ok(())
    }

    /// Appends a picture's `[3, height, width]` numbers to `pixels`.
    async fn input(&self, item: &Item, pixels: &mut Vec<f32>) -> Result<(), String> {
        let bytes = fetch::bytes(&item.url).await?;
        let image = decode(&bytes).map_err(|error| error.to_string())?;
        let start = pixels.len();
        pixels.resize(start + self.preprocess.len(), 0.0);
        self.preprocess.apply(&image, &mut pixels[start..]);
        Ok(())
    }
}

/// What re-ranks a gallery for a query, with the settings of the original paper.
fn rerank(query: &[f32], gallery: &[f32]) -> Reranked {
    let rule = Rerank::default();
    let features = [query, gallery].concat();
    let neighbours: Vec<Neighbours> = features
        .chunks(query.len())
        .map(|image| Neighbours::of(&cosine_scores(image, &features), rule.depth()))
        .collect();
    Reranked::new(
        &features,
        query.len(),
        1,
        &neighbours,
        rule,
        &|count, one| (0..count).map(one).collect(),
    )
}
