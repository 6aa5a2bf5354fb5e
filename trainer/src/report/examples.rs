//! Which queries a report shows, and what was found for them.

use std::path::Path;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dcac_model::image::{Resampling, resize};
use dcac_model::retrieval::{cosine_scores, rank_gallery};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use crate::data::{Crop, read_pixels};
use crate::evaluate::Evaluation;
use crate::files;

/// Queries with the highest average precision that are shown.
const BEST: usize = 3;
/// Queries with the lowest.
const WORST: usize = 5;
/// Gallery images shown per query.
const TOP: usize = 10;

/// The queries that a test set's section shows.
pub struct Examples {
    /// The best, best first.
    pub(super) best: Vec<Example>,
    /// The worst, worst first.
    pub(super) worst: Vec<Example>,
}

/// A query and the start of its ranking.
pub(super) struct Example {
    pub query: Picture,
    /// 0 to 1.
    pub average_precision: f64,
    /// True matches in the gallery.
    pub matches: usize,
    /// Rank of the first one, from 1.
    pub first_match: usize,
    /// The most alike gallery images, most alike first.
    pub hits: Vec<Shown>,
}

/// A gallery image of a ranking.
pub(super) struct Shown {
    pub picture: Picture,
    /// Cosine similarity, or what re-ranking made of it.
    pub score: f32,
    /// Whether it shows the query's identity.
    pub right: bool,
}

/// A crop, small.
pub(super) struct Picture {
    /// The JPEG as a `data:` address.
    pub source: String,
    /// File name.
    pub name: String,
    pub identity: i32,
    pub camera: u32,
}

impl Examples {
    /// The queries with the highest and lowest average precision; of equal ones the
    /// first in the test set's order, and none twice.
    ///
    /// # Errors
    /// Crops that have gone since they were embedded.
    pub fn of(evaluation: &Evaluation) -> Result<Self> {
        let (best, worst) = extremes(&evaluation.average_precision);
        let labels = evaluation.gallery.labels();
        let all = |chosen: Vec<Measured>| -> Result<Vec<Example>> {
            (chosen.into_iter())
                .map(|(query, precision)| {
                    let crop = &evaluation.query.crops[query];
                    let start = query * evaluation.width;
                    let features = &evaluation.query.features[start..start + evaluation.width];
                    let gallery = &evaluation.gallery.features;
                    let mut scores = cosine_scores(features, gallery);
                    if let Some(reranked) = &evaluation.reranked {
                        reranked.adjust(query, &mut scores);
                    }
                    let ranking = rank_gallery(&scores, crop.label, &labels)?;
                    let shown = ranking.iter().take(TOP).map(|hit| {
                        Ok(Shown {
                            picture: Picture::of(&evaluation.gallery.crops[hit.index])?,
                            score: hit.score,
                            right: hit.right,
                        })
                    });
                    let first = ranking.iter().position(|hit| hit.right);
                    Ok(Example {
                        query: Picture::of(crop)?,
                        average_precision: precision,
                        matches: ranking.iter().filter(|hit| hit.right).count(),
                        first_match: first.map_or(0, |index| index + 1),
                        hits: shown.collect::<Result<_>>()?,
                    })
                })
                .collect()
        };
        Ok(Self {
            best: all(best)?,
            worst: all(worst)?,
        })
    }
}

/// A query's index and its average precision.
type Measured = (usize, f64);

/// The highest, from the highest on, and the lowest, from the lowest on.
fn extremes(precisions: &[Option<f64>]) -> (Vec<Measured>, Vec<Measured>) {
    let mut order: Vec<Measured> = (precisions.iter().enumerate())
        .filter_map(|(query, precision)| Some((query, (*precision)?)))
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut rest = order.split_off(BEST.min(order.len()));
    rest.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    rest.truncate(WORST);
    (order, rest)
}

impl Picture {
    /// Reads a crop and makes it small enough to be one of hundreds in a file.
    fn of(crop: &Crop) -> Result<Self> {
        Ok(Self {
            source: format!(
                "data:image/jpeg;base64,{}",
                STANDARD.encode(small(&crop.path)?)
            ),
            name: files::name(&crop.path),
            identity: crop.label.identity,
            camera: crop.label.camera,
        })
    }
}

/// A JPEG of the crop within 80 x 160 pixels, never enlarged.
fn small(path: &Path) -> Result<Vec<u8>> {
    let pixels = read_pixels(path)?;
    let (width, height) = (pixels.width() as f64, pixels.height() as f64);
    let scale = (80.0 / width).min(160.0 / height).min(1.0);
    let side = |length: f64| (length * scale).round() as usize;
    let pixels = resize(&pixels, side(width), side(height), Resampling::Bicubic);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 82).encode(
        pixels.data(),
        pixels.width() as u32,
        pixels.height() as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_and_worst_are_ordered_and_apart() {
        let some =
            |values: &[f64]| -> Vec<Option<f64>> { values.iter().copied().map(Some).collect() };
        let indices = |chosen: Vec<Measured>| -> Vec<usize> {
            chosen.into_iter().map(|(index, _)| index).collect()
        };
        let (best, worst) = extremes(&some(&[0.5, 1.0, 0.1, 1.0, 0.3, 0.1, 0.2, 0.9, 0.8]));
        assert_eq!(indices(best), [1, 3, 7]);
        assert_eq!(indices(worst), [2, 5, 6, 4, 0]);
        let (best, worst) = extremes(&some(&[0.2, 0.4, 0.1, 0.3]));
        assert_eq!((indices(best), indices(worst)), (vec![1, 3, 0], vec![2]));
        let (best, worst) = extremes(&[None, Some(0.5), None]);
        assert_eq!((indices(best), indices(worst)), (vec![1], vec![]));
    }
}
