//! Which gallery images count for a query.

use serde::{Deserialize, Serialize};

use super::{RetrievalError, rank};

/// Identity of detections that show no one.
pub const JUNK: i32 = -1;

/// Who is seen, and by which camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Identity; [`JUNK`] is dropped from a gallery, 0 is a distractor that stays.
    pub identity: i32,
    /// Camera.
    pub camera: u32,
}

/// A gallery image in the ranking of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its index in the gallery.
    pub index: usize,
    /// Cosine similarity, -1 to 1, or what re-ranking made of it.
    pub score: f32,
    /// Whether it shows the query's identity.
    pub right: bool,
}

/// The gallery in the order of its scores for a query, the highest first. Junk is left out,
/// and so are images of the query's identity from the query's own camera. Equal scores keep
/// the gallery's order.
///
/// # Errors
/// A score that is not finite.
pub fn rank_gallery(
    scores: &[f32],
    label: Label,
    gallery_labels: &[Label],
) -> Result<Vec<Hit>, RetrievalError> {
    let counts = |other: &Label| {
        let same = other.identity == label.identity;
        other.identity != JUNK && !(same && other.camera == label.camera)
    };
    let hit = |index: usize| {
        let other = gallery_labels.get(index).filter(|other| counts(other))?;
        Some(Hit {
            index,
            score: scores[index],
            right: other.identity == label.identity,
        })
    };
    Ok(rank(scores)?.into_iter().filter_map(hit).collect())
}
