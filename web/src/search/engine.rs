//! Ranks, measures and explains galleries by their embeddings.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use dcac_model::clip::VitConfig;
use dcac_model::retrieval::{
    Cameras, Gallery, JUNK, Label, Metrics, RANKS, RetrievalError, cosine_scores, patch_similarity,
    rank,
};
use gloo::timers::future::sleep;

use super::classifier::Source;
use super::pool::Pool;
use super::scores::{cameras, mean, rerank};
use crate::protocol::{Hit, Item, Job, Pair, Parts, Reminder, Reply};
use crate::storage::Storage;

/// Milliseconds of work after which newer messages are let in.
const BREATH: f64 = 50.0;

/// L2-normalised, shared by whoever uses it.
type Embedding = Rc<[f32]>;

/// A model at work, and the embeddings that it computed so far.
pub struct Engine {
    pool: Pool,
    vit: VitConfig,
    /// By which kept embeddings are known as this model's.
    digest: String,
    classifier: Option<Source>,
    storage: Option<Storage>,
    known: RefCell<HashMap<u64, Embedding>>,
    measured: RefCell<Option<Measured>>,
    /// How often everything was forgotten.
    forgotten: Cell<u32>,
}

/// The labelled pictures that were measured last, and what came of it.
struct Measured {
    pictures: Vec<(u64, Label)>,
    normalized: bool,
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
    /// An engine that knows what earlier visits have kept.
    pub async fn new(
        pool: Pool,
        vit: VitConfig,
        digest: String,
        classifier: Option<Source>,
    ) -> Self {
        let storage = Storage::open().await;
        let known = match &storage {
            Some(storage) => storage.embeddings(&digest).await,
            None => Vec::new(),
        };
        let known = known.into_iter().map(|(id, row)| (id, row.into()));
        Self {
            pool,
            vit,
            digest,
            classifier,
            storage,
            known: RefCell::new(known.collect()),
            measured: RefCell::default(),
            forgotten: Cell::new(0),
        }
    }

    /// Ranks a job's gallery by likeness to its query. `replaced` says whether a newer
    /// job waits; `post` takes progress and complaints about single pictures.
    pub async fn run(
        &self,
        job: &Job,
        replaced: impl Fn() -> bool,
        post: impl Fn(&Reply),
    ) -> Result<Vec<Hit>, Stop> {
        self.embed(job, replaced, post).await?;
        let (queries, rows) = self.embedded(job.queries.iter());
        let Some(width) = rows.first().map(|row| row.len()) else {
            return Err(Stop::Job("the query picture cannot be used".to_string()));
        };
        let mut query = rows.concat();
        let (all, rows) = self.embedded(job.gallery.iter());
        let mut features = rows.concat();
        if job.normalize_cameras && !all.is_empty() {
            let known = Cameras::even_out(&mut features, &cameras(&all), width).map_err(broken)?;
            known
                .normalize(&mut query, &cameras(&queries))
                .map_err(broken)?;
        }
        let asked: HashSet<u64> = queries.iter().map(|item| item.id).collect();
        let (pictures, rows): (Vec<&Item>, Vec<&[f32]>) = (all.into_iter())
            .zip(features.chunks_exact(width))
            .filter(|(item, _)| !asked.contains(&item.id))
            .unzip();
        if pictures.is_empty() {
            let reason = "no picture of the gallery can be used; add JPEG, PNG or WebP pictures";
            return Err(Stop::Job(reason.to_string()));
        }
        let gallery = rows.concat();
        let query = mean(&query, width);
        let scores = cosine_scores(&query, &gallery);
        let mut order_by = scores.clone();
        if job.rerank {
            rerank(&query, &gallery).adjust(0, &mut order_by);
        }
        let order = rank(&order_by).map_err(broken)?;
        let hit = |index: usize| Hit {
            picture: pictures[index].id,
            score: scores[index],
        };
        Ok(order.into_iter().map(hit).collect())
    }

    /// Forgets all embeddings, those that earlier visits have kept too.
    pub async fn forget(&self) {
        self.forgotten.set(self.forgotten.get() + 1);
        self.known.borrow_mut().clear();
        self.measured.replace(None);
        if let Some(storage) = &self.storage {
            storage.clear_embeddings().await;
        }
    }

    /// How often everything was forgotten: a job that began before the last time is not wanted.
    pub fn times_forgotten(&self) -> u32 {
        self.forgotten.get()
    }

    /// The pictures that have an embedding, and theirs.
    pub fn embedded<'a>(
        &self,
        items: impl Iterator<Item = &'a Item>,
    ) -> (Vec<&'a Item>, Vec<Embedding>) {
        let known = self.known.borrow();
        items
            .filter_map(|item| Some((item, known.get(&item.id)?.clone())))
            .unzip()
    }

    /// Measures how well the labelled pictures of a job's gallery find each other: every one
    /// is looked for in all, by the protocol of the field. None where nobody is seen by two
    /// cameras, and `Stop::Replaced` once `replaced` says that a newer job waits.
    pub async fn measure(
        &self,
        job: &Job,
        replaced: impl Fn() -> bool,
    ) -> Result<Option<Metrics>, Stop> {
        let normalized = job.normalize_cameras;
        let counted = |item: &&Item| item.label.is_some_and(|label| label.identity != JUNK);
        let (items, rows) = self.embedded(job.gallery.iter().filter(counted));
        let pictures: Vec<(u64, Label)> = (items.iter())
            .filter_map(|item| Some((item.id, item.label?)))
            .collect();
        // Another query changes nothing here.
        if let Some(before) = &*self.measured.borrow()
            && before.pictures == pictures
            && before.normalized == normalized
        {
            return Ok(before.metrics.clone());
        }
        let labels: Vec<Label> = pictures.iter().map(|&(_, label)| label).collect();
        let gallery = Gallery::new(&labels);
        let width = rows.first().map_or(1, |row| row.len());
        let mut features = rows.concat();
        if normalized && !features.is_empty() {
            Cameras::even_out(&mut features, &cameras(&items), width).map_err(broken)?;
        }
        let mut found = Vec::new();
        let mut begin = js_sys::Date::now();
        for (row, &label) in features.chunks_exact(width).zip(&labels) {
            if label.identity <= 0 {
                continue;
            }
            let mut scores = cosine_scores(row, &features);
            let measured = gallery.measure(label, &mut scores);
            found.push(measured.map_err(broken)?);
            if js_sys::Date::now() - begin > BREATH {
                sleep(Duration::ZERO).await;
                if replaced() {
                    return Err(Stop::Replaced);
                }
                begin = js_sys::Date::now();
            }
        }
        let metrics = Metrics::of(&found, gallery.len(), RANKS).ok();
        self.measured.replace(Some(Measured {
            pictures,
            normalized,
            metrics: metrics.clone(),
        }));
        Ok(metrics)
    }

    /// Finds out why two pictures were found alike.
    pub async fn compare(&self, pair: &Pair) -> Result<Parts, String> {
        let query = self.pool.features(&pair.query).await?;
        let hit = self.pool.features(&pair.hit).await?;
        let (rows, columns) = self.vit.grid();
        Ok(Parts {
            rows,
            columns,
            similarity: patch_similarity(&query.patches, &hit.patches, self.vit.dim),
            reminds: self.reminds([&query.neck, &hit.neck]).await,
        })
    }

    /// Whom two pictures remind the model of, where its folder has a classifier.
    async fn reminds(&self, necks: [&[f32]; 2]) -> Option<Result<[Vec<Reminder>; 2], String>> {
        let classifier = self.classifier.as_ref()?.get().await;
        Some(classifier.and_then(|classifier| {
            let [query, hit] = necks.map(|neck| classifier.reminds(neck));
            Ok([query?, hit?])
        }))
    }

    /// Embeds the job's pictures that are not known yet.
    async fn embed(
        &self,
        job: &Job,
        replaced: impl Fn() -> bool,
        post: impl Fn(&Reply),
    ) -> Result<(), Stop> {
        let items = || job.queries.iter().chain(&job.gallery);
        let mut wanted: HashSet<u64> = items().map(|item| item.id).collect();
        wanted.retain(|id| !self.known.borrow().contains_key(id));
        let total = wanted.len();
        let new: Vec<&Item> = items().filter(|item| wanted.remove(&item.id)).collect();
        let kept: HashSet<u64> = (new.iter().filter(|item| item.kept))
            .map(|item| item.id)
            .collect();
        let progress = |done| {
            post(&Reply::Progress {
                job: job.id,
                done,
                total,
            });
        };
        progress(0);
        let begun = self.forgotten.get();
        let done = RefCell::new(0);
        let fresh = RefCell::new(Vec::new());
        let take = |batch: Vec<(u64, Result<Vec<f32>, String>)>| {
            *done.borrow_mut() += batch.len();
            for (id, embedding) in batch {
                match embedding {
                    Ok(row) => {
                        let row: Embedding = row.into();
                        if kept.contains(&id) {
                            fresh.borrow_mut().push((id, row.clone()));
                        }
                        if self.forgotten.get() == begun {
                            self.known.borrow_mut().insert(id, row);
                        }
                    }
                    Err(reason) => post(&Reply::Unreadable {
                        picture: id,
                        reason,
                    }),
                }
            }
            progress(*done.borrow());
        };
        let embedded = self.pool.embed(&new, take, &replaced).await;
        if self.forgotten.get() == begun {
            self.keep(&fresh.take()).await;
        }
        embedded.map_err(Stop::Engine)?;
        match replaced() {
            true => Err(Stop::Replaced),
            false => Ok(()),
        }
    }

    /// Keeps embeddings for the next visit.
    async fn keep(&self, fresh: &[(u64, Embedding)]) {
        if let Some(storage) = &self.storage {
            let rows: Vec<_> = fresh.iter().map(|(id, row)| (*id, &**row)).collect();
            storage.keep_embeddings(&self.digest, &rows).await;
        }
    }
}

/// Embeddings that no further job can be answered with.
fn broken(error: RetrievalError) -> Stop {
    Stop::Engine(error.to_string())
}
