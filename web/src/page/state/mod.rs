//! What the page knows, and everything that can happen to it.

mod adding;
mod answers;
mod engine;
mod keeping;
mod labels;
mod local;
mod models;
mod pictures;
mod shown;

use leptos::prelude::*;

pub use engine::{Engine, Layout, Model, Phase, Ranking};
pub use models::{Kept, Models};
pub use shown::Shown;

use super::photo::Photo;
use super::picture::Picture;
use crate::protocol::{Backend, Choice, Parts};

/// A query and a hit, and why they were found alike once that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The query.
    pub query: Picture,
    /// What was found.
    pub hit: Picture,
    /// The reasons, or why they cannot be told.
    pub parts: Option<Result<Parts, String>>,
}

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
    /// The model whose answers the page is about.
    pub main: Engine,
    /// A second model beside it, when one was asked for.
    pub beside: Engine,
    /// What there is to choose from.
    pub models: Models,
    /// The hit that the visitor wants to understand.
    pub why: RwSignal<Option<Why>>,
    /// Whether what cameras do to embeddings is taken out of them, where several are known.
    pub normalize_cameras: RwSignal<bool>,
    /// Whether neighbours that pictures share count too.
    pub rerank: RwSignal<bool>,
    /// Whether pictures by the query's camera are left out.
    pub other_cameras: RwSignal<bool>,
    /// Pictures less alike are left out.
    pub cutoff: RwSignal<f32>,
    /// How many hits are shown at most.
    pub top: RwSignal<Option<usize>>,
    /// Files that cannot be used: name and reason.
    pub problems: RwSignal<Vec<(String, String)>>,
    /// Whether the visitor's pictures are kept for the next visit, as far as was found out.
    pub kept: RwSignal<bool>,
    /// So many of so many files are added, while that takes time.
    pub adding: RwSignal<Option<(usize, usize)>>,
    /// The photo that persons are being cut out of.
    pub photo: RwSignal<Option<Photo>>,
    /// How often labels were edited.
    pub relabelled: RwSignal<u32>,
    /// How often the gallery was emptied: what was begun before is about one that is gone.
    visit: StoredValue<u32>,
}

impl State {
    /// A page without pictures. `base` is its folder's absolute address.
    pub fn new(base: &str, model: Choice, backend: Backend) -> Self {
        Self {
            gallery: RwSignal::new(Vec::new()),
            samples: RwSignal::new(false),
            query: RwSignal::new(None),
            also: RwSignal::new(Vec::new()),
            main: Engine::new(base, model, backend),
            beside: Engine::new(base, Choice::First, backend),
            models: Models::new(base),
            why: RwSignal::new(None),
            normalize_cameras: RwSignal::new(true),
            rerank: RwSignal::new(false),
            other_cameras: RwSignal::new(false),
            cutoff: RwSignal::new(-1.0),
            top: RwSignal::new(None),
            problems: RwSignal::new(Vec::new()),
            kept: RwSignal::new(false),
            adding: RwSignal::new(None),
            photo: RwSignal::new(None),
            relabelled: RwSignal::new(0),
            visit: StoredValue::new(0),
        }
    }
}
