//! Embeds pictures and ranks them.

use std::collections::{HashMap, HashSet};

use dcac_model::image::{Preprocess, decode};
use dcac_model::reid::EncoderConfig;
use dcac_model::retrieval::{cosine_scores, rank};

use super::encoder::Encoder;
use super::fetch;
use super::protocol::{Hit, Item, Job, Reply};

/// Pictures per forward: enough to keep a GPU busy, few enough that progress moves.
const BATCH: usize = 8;

/// A loaded model and the embeddings that it computed so far.
pub struct Engine {
    encoder: Encoder,
    preprocess: Preprocess,
    known: HashMap<u32, Vec<f32>>,
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
            known: HashMap::new(),
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
        let query = (self.known.get(&job.query.id))
            .ok_or_else(|| Stop::Job("the query picture cannot be used".to_string()))?;
        let (ids, rows): (Vec<u32>, Vec<&[f32]>) = (job.gallery.iter())
            .filter_map(|item| Some((item.id, self.known.get(&item.id)?.as_slice())))
            .unzip();
        if ids.is_empty() {
            let reason = "no picture of the gallery can be used; add JPEG or PNG pictures";
            return Err(Stop::Job(reason.to_string()));
        }
        let scores = cosine_scores(query, &rows.concat());
        let order = rank(&scores).map_err(|error| Stop::Engine(error.to_string()))?;
        let hit = |index: usize| Hit {
            picture: ids[index],
            score: scores[index],
        };
        Ok(order.into_iter().map(hit).collect())
    }

    /// Embeds the job's pictures that are not known yet.
    async fn embed(
        &mut self,
        job: &Job,
        replaced: impl Fn() -> bool,
        post: impl Fn(&Reply),
    ) -> Result<(), Stop> {
        let items = || std::iter::once(&job.query).chain(&job.gallery);
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
