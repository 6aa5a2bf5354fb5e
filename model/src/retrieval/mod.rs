//! Ranking and its measures, over plain slices.

mod calibration;
mod error;
mod expansion;
mod gallery;
mod metrics;
mod names;
mod nearest;
mod patches;
mod protocol;
mod rank;
mod rerank;

pub use calibration::{Bin, Calibration, Reliability, Tally};
pub use error::RetrievalError;
pub use expansion::expand_query;
pub use gallery::{Found, Gallery};
pub use metrics::{Metrics, RANKS, check, evaluate};
pub use names::label_of;
pub use nearest::nearest;
pub use patches::patch_similarity;
pub use protocol::{Hit, JUNK, Label, rank_gallery};
pub use rank::{cosine_scores, rank};
pub use rerank::{Each, Neighbours, Rerank, Reranked};
