//! Everything that is measured of a test set, in one pass over its scores.

use std::sync::Mutex;

use anyhow::Result;
use dcac_model::retrieval::{Found, Gallery, Label, Metrics, check};
use indicatif::ProgressBar;

use super::by_camera::{CameraPair, Cameras};
use super::each_row;
use super::roc::{FalsePairs, RocPoint};

/// Embeddings and whom they show.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// L2-normalised, row-major.
    pub features: &'a [f32],
    /// One for each row.
    pub labels: &'a [Label],
}

/// What to measure, and how.
#[derive(Clone, Debug)]
pub struct Measures {
    /// Ranks of the CMC.
    pub ranks: usize,
    /// Rates of false accepts at which the true ones are measured.
    pub fpr: Vec<f64>,
    /// Whether to measure every pair of cameras.
    pub by_camera: bool,
    /// Bytes of scores at once.
    pub memory: usize,
}

/// What was measured.
pub struct Measured {
    /// CMC, mAP, mINP.
    pub metrics: Metrics,
    /// Average precision of each query, none for those without a true match.
    pub average_precision: Vec<Option<f64>>,
    /// One for each of [`Measures::fpr`].
    pub roc: Vec<RocPoint>,
    /// Those with a true match.
    pub cameras: Vec<CameraPair>,
}

/// What one query gives.
struct Row {
    found: Option<Found>,
    in_cameras: Vec<Option<Found>>,
    positives: Vec<f32>,
}

/// Changes the scores of a query, whose index is given, before they are measured.
pub type Adjust<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// Measures a test set by cosine similarity, or what `adjust` makes of it.
///
/// # Errors
/// Embeddings and labels of different lengths, scores that are not finite, no query with a
/// true match, and measures that need more memory than is allowed.
pub fn measure(
    query: Side,
    gallery: Side,
    dim: usize,
    ask: &Measures,
    bar: &ProgressBar,
    adjust: Option<Adjust>,
) -> Result<Measured> {
    check("query", query.features, query.labels, dim)?;
    check("gallery", gallery.features, gallery.labels, dim)?;
    let labels = Gallery::new(gallery.labels);
    let pairs = query.labels.len() as u64 * labels.len() as u64;
    let false_pairs = match &ask.fpr[..] {
        [] => None,
        rates => Some(Mutex::new(FalsePairs::new(rates, pairs, ask.memory)?)),
    };
    let cameras = Cameras::of(if ask.by_camera { gallery.labels } else { &[] });
    let cameras = cameras.arrange();
    let row = |index: usize, scores: &mut [f32]| -> Result<Row> {
        let label = query.labels[index];
        if let Some(adjust) = adjust {
            adjust(index, scores);
        }
        let in_cameras = cameras.measure(label, scores)?;
        let found = labels.measure(label, scores)?;
        let mut positives = Vec::new();
        if let Some(false_pairs) = &false_pairs {
            for index in labels.matches(label) {
                positives.push(std::mem::replace(&mut scores[index], f32::NEG_INFINITY));
            }
            let others = scores.iter().filter(|score| score.is_finite()).count();
            // A thread that has panicked would have ended the program's work anyway.
            let mut kept = false_pairs
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            kept.add(scores, others);
        }
        Ok(Row {
            found,
            in_cameras,
            positives,
        })
    };
    let rows = each_row(query.features, gallery.features, dim, ask.memory, bar, row)?;
    bar.finish_and_clear();
    let found: Vec<Option<Found>> = rows.iter().map(|row| row.found).collect();
    let metrics = Metrics::of(&found, labels.len(), ask.ranks)?;
    let (mut in_cameras, mut positives) = (Vec::new(), Vec::new());
    for row in rows {
        in_cameras.push(row.in_cameras);
        positives.extend(row.positives);
    }
    let roc = false_pairs.map_or_else(Vec::new, |kept| {
        let kept = kept
            .into_inner()
            .unwrap_or_else(|broken| broken.into_inner());
        kept.points(&ask.fpr, positives)
    });
    Ok(Measured {
        metrics,
        average_precision: (found.iter())
            .map(|found| Some(found.as_ref()?.average_precision))
            .collect(),
        roc,
        cameras: cameras.means(query.labels, &in_cameras),
    })
}
