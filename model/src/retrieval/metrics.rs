//! Cumulative matching characteristic, mAP and mINP under the re-ID protocol.

use serde::{Deserialize, Serialize};

use super::{Found, Gallery, Label, RetrievalError, cosine_scores};

/// Measures of a test set; shares from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Share of queries with a true match among the first k, for k = 1, 2, ...
    pub cmc: Vec<f64>,
    /// Mean over queries of the mean precision at every true match.
    pub map: f64,
    /// Mean over queries of true matches over the rank of the last one.
    pub minp: f64,
    /// Queries that were measured.
    pub queries: usize,
    /// Queries without a true match from another camera, left out.
    pub skipped: usize,
    /// Gallery images, junk not counted.
    pub gallery: usize,
    /// Expected Rank-1 of a random order.
    pub chance_rank1: f64,
    /// Expected mAP of a random order.
    pub chance_map: f64,
}

/// Ranks that a [`Metrics::cmc`] covers unless others are asked for.
pub const RANKS: usize = 20;

impl Metrics {
    /// The means over what was found for each query, none where it has no true match, with a
    /// CMC of the first `ranks` ranks. `gallery` is the number of images without junk.
    ///
    /// # Errors
    /// Not a single query that can be measured.
    pub fn of(
        found: &[Option<Found>],
        gallery: usize,
        ranks: usize,
    ) -> Result<Self, RetrievalError> {
        let measured = || found.iter().flatten();
        let queries = measured().count();
        if queries == 0 {
            return Err(RetrievalError::NoMatches(found.len()));
        }
        let mean = |value: fn(&Found) -> f64| measured().map(value).sum::<f64>() / queries as f64;
        let mut cmc = vec![0.0; ranks];
        for found in measured() {
            if let Some(share) = cmc.get_mut(found.first - 1) {
                *share += 1.0;
            }
        }
        let mut sum = 0.0;
        for share in &mut cmc {
            sum += *share;
            *share = sum / queries as f64;
        }
        Ok(Self {
            cmc,
            map: mean(|found| found.average_precision),
            minp: mean(|found| found.inverse_penalty),
            queries,
            skipped: found.len() - queries,
            gallery,
            chance_rank1: mean(|found| found.chance_rank1),
            chance_map: mean(|found| found.chance_average_precision),
        })
    }

    /// Share of queries with a true match among the first `k`, 1 to the length of the CMC.
    pub fn rank(&self, k: usize) -> f64 {
        self.cmc[k.clamp(1, self.cmc.len()) - 1]
    }
}

/// Measures a ranking by cosine similarity; of equal scores the image with the lower index
/// comes first. A query that has no true match from another camera is skipped.
///
/// # Errors
/// Embeddings and labels of different lengths, scores that are not finite, and a
/// test set without a single query that can be measured.
pub fn evaluate(
    query: &[f32],
    query_labels: &[Label],
    gallery: &[f32],
    gallery_labels: &[Label],
    dim: usize,
) -> Result<Metrics, RetrievalError> {
    check("query", query, query_labels, dim)?;
    check("gallery", gallery, gallery_labels, dim)?;
    let labels = Gallery::new(gallery_labels);
    let found = (query.chunks_exact(dim).zip(query_labels))
        .map(|(features, label)| labels.measure(*label, &mut cosine_scores(features, gallery)));
    let found: Vec<Option<Found>> = found.collect::<Result<_, _>>()?;
    Metrics::of(&found, labels.len(), RANKS)
}

/// Whether embeddings and labels go together.
///
/// # Errors
/// [`RetrievalError::Shape`] if not.
pub fn check(
    what: &'static str,
    numbers: &[f32],
    labels: &[Label],
    dim: usize,
) -> Result<(), RetrievalError> {
    if dim > 0 && numbers.len() == labels.len() * dim {
        return Ok(());
    }
    Err(RetrievalError::Shape {
        what,
        numbers: numbers.len(),
        labels: labels.len(),
        dim,
    })
}
