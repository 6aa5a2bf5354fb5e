//! Ranking and its measures, and maps of embeddings, over plain slices.

mod calibration;
mod cameras;
mod eigen;
mod error;
mod expansion;
mod gallery;
mod map;
mod metrics;
mod names;
mod nearest;
mod patches;
mod projection;
mod protocol;
mod rank;
mod reminds;
mod rerank;

pub use calibration::{Bin, Calibration, Reliability, Tally};
pub use cameras::{CameraSums, Cameras};
pub use error::RetrievalError;
pub use expansion::expand_query;
pub use gallery::{Found, Gallery};
pub use map::Map;
pub use metrics::{Metrics, RANKS, check, evaluate};
pub use names::{camera_of, label_of};
pub use nearest::nearest;
pub use patches::patch_similarity;
pub use projection::Projection;
pub use protocol::{Hit, JUNK, Label, rank_gallery};
pub use rank::{cosine_scores, rank};
pub use reminds::reminds;
pub use rerank::{Each, Neighbours, Rerank, Reranked};
