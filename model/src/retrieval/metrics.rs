//! Cumulative matching characteristic, mAP and mINP under the re-ID protocol.

use serde::{Deserialize, Serialize};

use super::{Hit, JUNK, Label, RetrievalError, rank_gallery};

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

/// Ranks that [`Metrics::cmc`] covers.
const RANKS: usize = 20;

impl Metrics {
    /// Share of queries with a true match among the first `k`, 1 to 20.
    pub fn rank(&self, k: usize) -> f64 {
        self.cmc[k.clamp(1, self.cmc.len()) - 1]
    }
}

/// Measures a ranking by cosine similarity ([`rank_gallery`]). A query that has no true
/// match from another camera is skipped.
///
/// # Errors
/// Embeddings and labels of different lengths, scores that are no numbers, and a
/// test set without a single query that can be measured.
pub fn evaluate(
    query: &[f32],
    query_labels: &[Label],
    gallery: &[f32],
    gallery_labels: &[Label],
    dim: usize,
) -> Result<Metrics, RetrievalError> {
    evaluate_each(query, query_labels, gallery, gallery_labels, dim).map(|(metrics, _)| metrics)
}

/// [`evaluate`], and the average precision of every query, none where it is skipped.
///
/// # Errors
/// Those of [`evaluate`].
pub fn evaluate_each(
    query: &[f32],
    query_labels: &[Label],
    gallery: &[f32],
    gallery_labels: &[Label],
    dim: usize,
) -> Result<(Metrics, Vec<Option<f64>>), RetrievalError> {
    check("query", query, query_labels, dim)?;
    check("gallery", gallery, gallery_labels, dim)?;
    let mut sums = Sums::default();
    let mut precisions = Vec::with_capacity(query_labels.len());
    for (features, label) in query.chunks_exact(dim).zip(query_labels) {
        precisions.push(sums.add(&rank_gallery(features, *label, gallery, gallery_labels)?));
    }
    let gallery = (gallery_labels.iter())
        .filter(|label| label.identity != JUNK)
        .count();
    let metrics = sums
        .finish(gallery)
        .ok_or(RetrievalError::NoMatches(query_labels.len()))?;
    Ok((metrics, precisions))
}

fn check(
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

#[derive(Default)]
struct Sums {
    cmc: [f64; RANKS],
    average_precision: f64,
    inverse_penalty: f64,
    chance_rank1: f64,
    chance_average_precision: f64,
    queries: usize,
    skipped: usize,
}

impl Sums {
    /// Adds one query by its ranking. Returns its average precision.
    fn add(&mut self, hits: &[Hit]) -> Option<f64> {
        let places: Vec<usize> = (1..)
            .zip(hits)
            .filter_map(|(place, hit)| hit.right.then_some(place))
            .collect();
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
            self.skipped += 1;
            return None;
        };
        self.queries += 1;
        for share in self.cmc.iter_mut().skip(first - 1) {
            *share += 1.0;
        }
        let matches = places.len() as f64;
        let precisions = (1..)
            .zip(&places)
            .map(|(hit, &place)| f64::from(hit) / place as f64);
        let average_precision = precisions.sum::<f64>() / matches;
        self.average_precision += average_precision;
        self.inverse_penalty += matches / last as f64;
        self.chance_rank1 += matches / hits.len() as f64;
        self.chance_average_precision += chance_average_precision(matches, hits.len());
        Some(average_precision)
    }

    fn finish(self, gallery: usize) -> Option<Metrics> {
        if self.queries == 0 {
            return None;
        }
        let mean = |sum: f64| sum / self.queries as f64;
        Some(Metrics {
            cmc: self.cmc.map(mean).to_vec(),
            map: mean(self.average_precision),
            minp: mean(self.inverse_penalty),
            queries: self.queries,
            skipped: self.skipped,
            gallery,
            chance_rank1: mean(self.chance_rank1),
            chance_map: mean(self.chance_average_precision),
        })
    }
}

/// Expected average precision of `matches` among `total` images in random order:
/// place k holds a match with probability m/n, and given that, (m-1)(k-1)/(n-1)
/// matches are expected before it.
fn chance_average_precision(matches: f64, total: usize) -> f64 {
    let others = (total - 1).max(1) as f64;
    let at = |k: usize| ((matches - 1.0) * (k - 1) as f64 / others + 1.0) / k as f64;
    (1..=total).map(at).sum::<f64>() / total as f64
}
