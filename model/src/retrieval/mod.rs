//! Ranking and its measures, over plain slices.

mod error;
mod metrics;
mod rank;

pub use error::RetrievalError;
pub use metrics::{JUNK, Label, Metrics, evaluate};
pub use rank::{cosine_scores, rank};
