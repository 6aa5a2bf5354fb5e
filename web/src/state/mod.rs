//! What the page knows, and everything that can happen to it.

mod engine;
mod pictures;

use dcac_model::retrieval::{Calibration, Metrics};
use leptos::prelude::*;

use crate::client::Client;
use crate::picture::Picture;
use crate::worker::protocol::{Backend, Job, Parts, Started};

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

    /// What scores mean, where the model says so.
    pub fn calibration(self) -> Option<Calibration> {
        self.model.with(|model| match model {
            Model::Started(started) => started.model.calibration,
            _ => None,
        })
    }
}
