//! Messages between the page and its search worker.

use dcac_model::reid::TrainingIdentity;
use dcac_model::retrieval::{Calibration, Label, Metrics};
use serde::{Deserialize, Serialize};

/// What the page asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Load a model. Always the first message.
    Start(Start),
    /// Rank a gallery. A later job replaces an earlier one.
    Rank(Job),
    /// Find out why two crops were found alike.
    Compare(Pair),
    /// Lay the last job's gallery out in the plane.
    Map,
    /// Give the embeddings of the last job's gallery.
    Embeddings,
    /// Forget every picture; what is being computed is not wanted any more.
    Forget,
}

/// Which model to load and what to run it on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Absolute address of the page's folder.
    pub base: String,
    /// The model.
    pub model: Choice,
    /// Engine to use.
    pub backend: Backend,
    /// Bytes that another model's encoders hold.
    pub taken: u64,
}

/// Choice of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// The first of the site's list.
    First,
    /// One of the site's, by its folder's name.
    Named(String),
    /// A folder of the visitor's: its name, and the address of each of its files by name.
    Local(String, Vec<(String, String)>),
}

/// Choice of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// The GPU where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// WebGPU, even by an adapter in software.
    WebGpu,
}

/// A person to look for in a gallery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Number of the job.
    pub id: u32,
    /// Crops of the person, whose embeddings are averaged. They may be of the gallery, where
    /// they are not ranked.
    pub queries: Vec<Item>,
    /// The crops to rank.
    pub gallery: Vec<Item>,
    /// Whether each camera's mean and deviation among the gallery are taken out of embeddings.
    pub normalize_cameras: bool,
    /// Whether neighbours that two pictures share count too (k-reciprocal re-ranking).
    pub rerank: bool,
}

/// Two crops to compare part by part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pair {
    /// The query.
    pub query: Item,
    /// What was found.
    pub hit: Item,
}

/// Why two crops were found alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Rows of patches.
    pub rows: usize,
    /// Patches of a row.
    pub columns: usize,
    /// Cosine similarity of every patch of the query to every one of the hit, row-major.
    pub similarity: Vec<f32>,
    /// Whom the query and the hit remind the model of, or why that cannot be told; none where
    /// the model's folder has no classifier.
    pub reminds: Option<Result<[Vec<Reminder>; 2], String>>,
}

/// A training identity that a picture reminds the model of; the likeliest come first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminder {
    /// Whom.
    pub identity: TrainingIdentity,
    /// Probability among all training identities, 0 to 1.
    pub probability: f32,
}

/// A picture by its address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    /// The page's number of it.
    pub id: u64,
    /// Absolute address.
    pub url: String,
    /// Whom it shows, where that is known.
    pub label: Option<Label>,
    /// Whether its embedding is worth keeping until the next visit.
    pub kept: bool,
}

/// What the worker answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// So much of the model has arrived.
    Loading {
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The model can be used.
    Started(Started),
    /// No model can be loaded.
    StartFailed {
        /// Why, and what to do.
        reason: String,
    },
    /// So many of a job's pictures are done.
    Progress {
        /// The job.
        job: u32,
        /// Pictures embedded or refused.
        done: usize,
        /// Pictures to embed.
        total: usize,
    },
    /// A picture cannot be used; the job goes on without it.
    Unreadable {
        /// The page's number of the picture.
        picture: u64,
        /// Why.
        reason: String,
    },
    /// The answer to a job.
    Ranked {
        /// The job.
        job: u32,
        /// Readable gallery pictures, the most alike first.
        hits: Vec<Hit>,
        /// Time taken.
        seconds: f64,
    },
    /// How well every labelled picture of a job's gallery finds the others.
    Measured {
        /// The job.
        job: u32,
        /// None where no person is seen by two cameras.
        metrics: Option<Metrics>,
    },
    /// The answer to a pair, or why there is none.
    Compared {
        /// The page's numbers of the query and the hit.
        pair: (u64, u64),
        /// Which parts look alike.
        parts: Result<Parts, String>,
    },
    /// A job has no answer.
    JobFailed {
        /// The job.
        job: u32,
        /// Why.
        reason: String,
    },
    /// Places of the gallery's pictures in the plane, as good as they are so far.
    Mapped {
        /// The page's numbers and the places.
        points: Vec<(u64, [f32; 2])>,
        /// Whether they will not move any more.
        done: bool,
    },
    /// The gallery's embeddings are beside it, row after row.
    Embeddings {
        /// The page's numbers of the rows' pictures.
        pictures: Vec<u64>,
    },
}

/// A gallery picture and its likeness to the query.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hit {
    /// The page's number of the picture.
    pub picture: u64,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

/// What was loaded, and what runs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The engine, in words.
    pub engine: String,
    /// Why it is not the engine that was asked for.
    pub notice: Option<String>,
    /// Memory that the engine's workers hold, in bytes.
    pub memory: u64,
    /// The model.
    pub model: ModelCard,
}

/// A line of the site's list of models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Folder name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Bytes of the weights.
    #[serde(default)]
    pub bytes: u64,
    /// Their number format.
    #[serde(default)]
    pub dtype: String,
    /// Pixels that it looks at.
    pub input: Option<Size>,
    /// What it was trained by.
    pub method: Option<String>,
    /// What it was trained on.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Number of pictures that it was trained on.
    pub images: Option<u64>,
    /// Number of people in them.
    pub identities: Option<u64>,
    /// How well it did on test sets.
    #[serde(default)]
    pub metrics: Vec<Tested>,
}

/// Size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
}

/// How well a model did on a test set, as shares of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Name of the test set.
    pub set: String,
    /// CMC at 1.
    pub rank1: f64,
    /// Mean average precision.
    pub map: f64,
}

/// What a model says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Folder name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What tells its embeddings from those of other models: the SHA-256 of its weights, and more
    /// where that is not all.
    pub digest: String,
    /// Lines of a table: what, and its value.
    pub facts: Vec<(String, String)>,
    /// What its scores mean, where that was found out.
    pub calibration: Option<Calibration>,
    /// What those of embeddings mean that were normalised by camera.
    pub calibration_normalized: Option<Calibration>,
}
