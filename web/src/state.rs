//! What the page knows, and everything that can happen to it.

use dcac_model::retrieval::Metrics;
use leptos::prelude::*;

use crate::client::Client;
use crate::picture::Picture;
use crate::worker::protocol::{Backend, Job, Pair, Parts, Reply, Request, Start, Started};

/// The model and its engine.
#[derive(Clone, Debug)]
pub enum Model {
    /// On its way: bytes so far and in all; 0 in all while that is not known.
    Loading(u64, u64),
    /// Ready.
    Started(Started),
    /// Not to be had.
    Failed(String),
}

/// What the page is doing with its pictures.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// So many of so many new pictures are embedded.
    Working(usize, usize),
    /// Ranked, in so many seconds.
    Done(f64),
    /// A job that has no answer, and why.
    Failed(String),
}

/// A query and a hit, and which parts of them look alike once that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The query.
    pub query: Picture,
    /// What was found.
    pub hit: Picture,
    /// Which parts look alike, or why that cannot be told.
    pub parts: Option<Result<Parts, String>>,
}

/// Pictures and their likeness to the query, the most alike first.
pub type Ranking = Vec<(Picture, f32)>;

/// The page's state; a handle that can be copied anywhere.
#[derive(Clone, Copy)]
pub struct State {
    /// Pictures to rank.
    pub gallery: RwSignal<Vec<Picture>>,
    /// Whether the gallery is the site's own.
    pub samples: RwSignal<bool>,
    /// The picture to look for.
    pub query: RwSignal<Option<Picture>>,
    /// More pictures of the same person, averaged with it.
    pub also: RwSignal<Vec<Picture>>,
    /// The model.
    pub model: RwSignal<Model>,
    /// The current job's progress or end.
    pub phase: RwSignal<Phase>,
    /// The last answer, while it fits the query and the gallery.
    pub ranking: RwSignal<Option<Ranking>>,
    /// The hit that the visitor wants to understand.
    pub why: RwSignal<Option<Why>>,
    /// How well the labelled pictures of the gallery find each other.
    pub metrics: RwSignal<Option<Metrics>>,
    /// Whether neighbours that pictures share count too.
    pub rerank: RwSignal<bool>,
    /// Whether pictures by the query's camera are left out.
    pub other_cameras: RwSignal<bool>,
    /// Pictures less alike are left out.
    pub cutoff: RwSignal<f32>,
    /// Files that cannot be used: name and reason.
    pub problems: RwSignal<Vec<(String, String)>>,
    /// Something to know about the engine.
    pub notice: RwSignal<Option<String>>,
    link: StoredValue<Link, LocalStorage>,
}

/// The engine's side of the state.
struct Link {
    base: String,
    model: Option<String>,
    backend: Backend,
    client: Option<Client>,
    /// The last job, until it is answered.
    job: Option<Job>,
    jobs: u32,
}

impl State {
    /// A page without pictures. `base` is its folder's absolute address.
    pub fn new(base: String, model: Option<String>, backend: Backend) -> Self {
        Self {
            gallery: RwSignal::new(Vec::new()),
            samples: RwSignal::new(false),
            query: RwSignal::new(None),
            also: RwSignal::new(Vec::new()),
            model: RwSignal::new(Model::Loading(0, 0)),
            phase: RwSignal::new(Phase::Idle),
            ranking: RwSignal::new(None),
            why: RwSignal::new(None),
            metrics: RwSignal::new(None),
            rerank: RwSignal::new(false),
            other_cameras: RwSignal::new(false),
            cutoff: RwSignal::new(-1.0),
            problems: RwSignal::new(Vec::new()),
            notice: RwSignal::new(None),
            link: StoredValue::new_local(Link {
                base,
                model,
                backend,
                client: None,
                job: None,
                jobs: 0,
            }),
        }
    }

    /// Starts a worker in place of the one before, with the job that waits for it.
    pub fn start_engine(self) {
        self.model.set(Model::Loading(0, 0));
        let base = self.link.with_value(|link| link.base.clone());
        let client = Client::start(&base, move |reply| self.receive(reply));
        match client {
            Ok(client) => self.link.update_value(|link| {
                client.send(Request::Start(Start {
                    base: link.base.clone(),
                    model: link.model.clone(),
                    backend: link.backend,
                }));
                if let Some(job) = &link.job {
                    client.send(Request::Rank(job.clone()));
                }
                link.client = Some(client);
            }),
            Err(error) => self.model_failed(format!("no worker can be started: {error:?}")),
        }
    }

    /// Uses another model of the site.
    pub fn choose_model(self, name: String) {
        self.link.update_value(|link| link.model = Some(name));
        self.changed();
        self.start_engine();
    }

    /// Shows the sample gallery in place of what there is.
    pub fn show_samples(self, samples: Vec<Picture>) {
        self.clear_gallery();
        self.samples.set(true);
        self.gallery.set(samples);
    }

    /// Looks for the first sample whom another one shows too, so that a visitor sees at once
    /// what the page does.
    pub fn look_for_a_sample(self) {
        let shown_again = |picture: &&Picture, all: &[Picture]| {
            let other =
                |other: &Picture| other.id != picture.id && other.person() == picture.person();
            picture.person().is_some() && all.iter().any(other)
        };
        let first = self.gallery.with_untracked(|all| {
            let found = all.iter().find(|picture| shown_again(picture, all));
            found.cloned()
        });
        if let (Some(picture), None) = (first, self.query.get_untracked()) {
            self.look_for(picture);
        }
    }

    /// Adds pictures of the visitor; the first ones take the samples' place.
    pub fn add_to_gallery(self, pictures: Vec<Picture>) {
        if pictures.is_empty() {
            return;
        }
        if self.samples.get_untracked() {
            self.clear_gallery();
        }
        self.changed();
        self.gallery.update(|gallery| {
            for picture in pictures {
                if gallery.iter().any(|known| known.is_same_file(&picture)) {
                    picture.release();
                } else {
                    gallery.push(picture);
                }
            }
        });
    }

    /// Empties the gallery.
    pub fn clear_gallery(self) {
        self.changed();
        self.samples.set(false);
        self.problems.set(Vec::new());
        let gone = std::mem::take(&mut *self.gallery.write());
        for picture in gone.iter().filter(|picture| !self.is_query(picture)) {
            picture.release();
        }
    }

    fn is_query(self, picture: &Picture) -> bool {
        let first = |query: &Option<Picture>| query.as_ref() == Some(picture);
        self.query.with_untracked(first) || self.also.with_untracked(|all| all.contains(picture))
    }

    /// Chooses pictures of the person to look for.
    pub fn set_query(self, pictures: Vec<Picture>) {
        let mut pictures = pictures.into_iter();
        if let Some(first) = pictures.next() {
            self.changed();
            self.replace_query(first);
            self.also.set(pictures.collect());
        }
    }

    /// Looks for a picture of the gallery in all others.
    pub fn look_for(self, picture: Picture) {
        self.replace_query(picture);
        self.rank();
    }

    /// Looks for what a picture of the gallery and those before have in common.
    pub fn look_for_too(self, picture: Picture) {
        if !self.is_query(&picture) {
            self.also.update(|all| all.push(picture));
        }
        self.rank();
    }

    /// Takes one of the further pictures out of the query.
    pub fn leave_out(self, picture: &Picture) {
        self.also.update(|all| all.retain(|other| other != picture));
        self.release_unless_shown(picture);
        self.rank();
    }

    fn replace_query(self, picture: Picture) {
        let mut before = std::mem::take(&mut *self.also.write());
        before.extend(self.query.write().replace(picture));
        for old in before {
            self.release_unless_shown(&old);
        }
    }

    fn release_unless_shown(self, picture: &Picture) {
        let shown = self.gallery.with_untracked(|all| all.contains(picture));
        if !shown && !self.is_query(picture) {
            picture.release();
        }
    }

    /// Ranks the gallery by likeness to the query.
    pub fn rank(self) {
        let Some(query) = self.query.get_untracked() else {
            return self.refuse("Choose a query first: a picture of the person to look for.");
        };
        let gallery = self.gallery.get_untracked();
        if gallery.iter().all(|picture| self.is_query(picture)) {
            return self.refuse("Add pictures to the gallery first.");
        }
        if let Model::Failed(reason) = self.model.get_untracked() {
            return self.phase.set(Phase::Failed(reason));
        }
        self.problems.set(Vec::new());
        self.phase.set(Phase::Working(0, gallery.len()));
        self.link.update_value(|link| {
            link.jobs += 1;
            let job = Job {
                id: link.jobs,
                queries: std::iter::once(&query)
                    .chain(&*self.also.read_untracked())
                    .map(Picture::item)
                    .collect(),
                gallery: gallery.iter().map(Picture::item).collect(),
                rerank: self.rerank.get_untracked(),
            };
            if let Some(client) = &link.client {
                client.send(Request::Rank(job.clone()));
            }
            link.job = Some(job);
        });
    }

    /// Asks which parts of the query and a hit look alike.
    pub fn explain(self, hit: Picture) {
        let Some(query) = self.query.get_untracked() else {
            return;
        };
        let pair = Pair {
            query: query.item(),
            hit: hit.item(),
        };
        self.why.set(Some(Why {
            query,
            hit,
            parts: None,
        }));
        self.link.with_value(|link| {
            if let Some(client) = &link.client {
                client.send(Request::Compare(pair));
            }
        });
    }

    fn refuse(self, reason: &str) {
        self.ranking.set(None);
        self.phase.set(Phase::Failed(reason.to_string()));
    }

    /// The query or the gallery changed, so no answer fits any more.
    fn changed(self) {
        self.link.update_value(|link| link.job = None);
        self.ranking.set(None);
        self.why.set(None);
        self.metrics.set(None);
        self.phase.set(Phase::Idle);
    }

    fn receive(self, reply: Reply) {
        let current = self
            .link
            .with_value(|link| link.job.as_ref().map(|job| job.id));
        match reply {
            Reply::Ready => {}
            Reply::Loading { bytes, total } => self.model.set(Model::Loading(bytes, total)),
            Reply::Started(started) => {
                if started.notice.is_some() {
                    self.notice.set(started.notice.clone());
                }
                self.model.set(Model::Started(started));
            }
            Reply::StartFailed { reason } => self.model_failed(reason),
            Reply::Progress { job, done, total } if Some(job) == current => {
                self.phase.set(Phase::Working(done, total));
            }
            Reply::Unreadable { picture, reason } => self.unreadable(picture, reason),
            Reply::Ranked { job, hits, seconds } if Some(job) == current => {
                let find = |id| {
                    let gallery = self.gallery.read_untracked();
                    gallery.iter().find(|picture| picture.id == id).cloned()
                };
                let hits = hits.iter();
                self.ranking.set(Some(
                    hits.filter_map(|hit| Some((find(hit.picture)?, hit.score)))
                        .collect(),
                ));
                self.phase.set(Phase::Done(seconds));
            }
            Reply::Measured { job, metrics } if Some(job) == current => {
                self.link.update_value(|link| link.job = None);
                self.metrics.set(metrics);
            }
            Reply::Compared { pair, parts } => self.why.update(|why| {
                let asked = why.as_mut();
                if let Some(why) = asked.filter(|why| (why.query.id, why.hit.id) == pair) {
                    why.parts = Some(parts);
                }
            }),
            Reply::JobFailed { job, reason } if Some(job) == current => {
                self.link.update_value(|link| link.job = None);
                self.refuse(&reason);
            }
            Reply::Broken { reason } => self.broken(reason),
            // The end of a job that nobody waits for any more.
            Reply::Progress { .. }
            | Reply::Ranked { .. }
            | Reply::Measured { .. }
            | Reply::JobFailed { .. } => {}
        }
    }

    /// Names a file that cannot be used and takes it off the gallery.
    fn unreadable(self, id: u32, reason: String) {
        let is_it = |picture: &Picture| picture.id == id;
        let query = self.query.get_untracked().filter(is_it);
        let query = query.or(self
            .also
            .with_untracked(|all| all.iter().find(|p| is_it(p)).cloned()));
        let listed = self
            .gallery
            .with_untracked(|all| all.iter().find(|p| is_it(p)).cloned());
        let Some(picture) = query.or(listed) else {
            return;
        };
        let name = picture.name.to_string();
        self.problems.update(|all| all.push((name, reason)));
        self.gallery.update(|all| all.retain(|p| !is_it(p)));
        self.also.update(|all| all.retain(|p| !is_it(p)));
    }

    fn broken(self, reason: String) {
        if self.link.with_value(|link| link.backend) == Backend::Cpu {
            return self.model_failed(format!("the engine stopped: {reason}; reload the page"));
        }
        leptos::logging::warn!("{reason}");
        let notice = "WebGPU did not work here, so the CPU computes instead.";
        self.notice.set(Some(notice.to_string()));
        self.link.update_value(|link| link.backend = Backend::Cpu);
        self.start_engine();
    }

    fn model_failed(self, reason: String) {
        let waited = (self.link.try_update_value(|link| {
            link.client = None;
            link.job.take()
        }))
        .flatten();
        if waited.is_some() {
            self.refuse(&reason);
        }
        self.model.set(Model::Failed(reason));
    }
}
