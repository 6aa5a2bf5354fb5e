//! Ranking and its measures, over plain slices.

mod error;
mod metrics;
mod protocol;
mod rank;

pub use error::RetrievalError;
pub use metrics::{Metrics, evaluate, evaluate_each};
pub use protocol::{Hit, JUNK, Label, rank_gallery};
pub use rank::{cosine_scores, rank};
