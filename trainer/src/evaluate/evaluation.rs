//! A model's embeddings of a test set, and what they are worth.

use std::path::PathBuf;

use anyhow::Result;
use dcac_model::retrieval::{Cameras, Hit, Label, Reranked, cosine_scores, rank_gallery};

use super::Report;
use super::settings::Settings;
use crate::data::{Crop, NamedData, Split};
use crate::embedder::{Broken, BrokenArgs, Embedder};
use crate::page::{Picture, Ranked, Shown};
use crate::progress;
use crate::retrieval::{Side, expand_queries, measure, rerank};

/// What an evaluation found, and what it was computed from.
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// The crops that were looked for.
    pub query: Embedded,
    /// The crops that were looked through.
    pub gallery: Embedded,
    /// Average precision of each query, none for those without a match from another camera.
    pub average_precision: Vec<Option<f64>>,
    /// What re-ranking makes of a query's scores.
    pub reranked: Option<Reranked>,
    /// Width of an embedding.
    pub width: usize,
}

/// Crops and what a model makes of them.
pub struct Embedded {
    /// The crops.
    pub crops: Vec<Crop>,
    /// Their L2-normalised embeddings, row-major, without their cameras' part where that was
    /// asked for.
    pub features: Vec<f32>,
}

impl Evaluation {
    /// The gallery in the order that was measured for a query: by its scores, what does not
    /// count left out.
    pub fn ranking(&self, query: usize) -> Result<Vec<Hit>> {
        let features = &self.query.features[query * self.width..(query + 1) * self.width];
        let mut scores = cosine_scores(features, &self.gallery.features);
        if let Some(reranked) = &self.reranked {
            reranked.adjust(query, &mut scores);
        }
        let label = self.query.crops[query].label;
        Ok(rank_gallery(&scores, label, &self.gallery.labels())?)
    }

    /// A query and some hits of its ranking in pictures.
    ///
    /// # Errors
    /// Crops that have gone since they were embedded.
    pub fn show(&self, query: usize, hits: &[Hit]) -> Result<Ranked> {
        let picture = |crop: &Crop| Picture::of(&crop.path, Some(crop.label));
        let shown = |hit: &Hit| {
            Ok(Shown {
                picture: picture(&self.gallery.crops[hit.index])?,
                score: hit.score,
                probability: None,
                right: Some(hit.right),
                matched: None,
            })
        };
        Ok(Ranked {
            query: picture(&self.query.crops[query])?,
            hits: hits.iter().map(shown).collect::<Result<_>>()?,
            names: false,
        })
    }
}

impl Embedded {
    fn compute(
        embedder: &Embedder,
        what: &str,
        crops: &[Crop],
        broken: BrokenArgs,
    ) -> Result<(Self, Vec<Broken>)> {
        let paths: Vec<PathBuf> = crops.iter().map(|crop| crop.path.clone()).collect();
        let bar = progress::bar(what, paths.len());
        let found = embedder.embed_kept(&paths, broken, &bar)?;
        let embedded = Self {
            crops: (found.kept.iter())
                .map(|&index| crops[index].clone())
                .collect(),
            features: found.features,
        };
        Ok((embedded, found.broken))
    }

    /// Who each crop shows, and by which camera.
    pub fn labels(&self) -> Vec<Label> {
        self.crops.iter().map(|crop| crop.label).collect()
    }

    fn cameras(&self) -> Vec<Option<u32>> {
        (self.crops.iter())
            .map(|crop| Some(crop.label.camera))
            .collect()
    }
}

/// Evaluates an embedder on a test set, without anything that must be asked for.
pub fn on(embedder: &Embedder, data: &NamedData) -> Result<Evaluation> {
    measure_on(embedder, data, splits(data)?, &Settings::default())
}

/// Queries and gallery of a test set.
pub fn splits(data: &NamedData) -> Result<(Vec<Crop>, Vec<Crop>)> {
    Ok((data.split(Split::Query)?, data.split(Split::Gallery)?))
}

/// Evaluates an embedder on [`splits`] of a test set.
pub fn measure_on(
    embedder: &Embedder,
    data: &NamedData,
    (query, gallery): (Vec<Crop>, Vec<Crop>),
    settings: &Settings,
) -> Result<Evaluation> {
    let (mut query, mut broken) = Embedded::compute(embedder, "queries", &query, settings.broken)?;
    let (mut gallery, others) = Embedded::compute(embedder, "gallery", &gallery, settings.broken)?;
    broken.extend(others);
    let (dim, ask) = (embedder.width, settings.measures());
    if settings.normalize_cameras {
        let [asking, asked] = [query.cameras(), gallery.cameras()];
        let known = Cameras::even_out(&mut gallery.features, &asked, dim)?;
        known.normalize(&mut query.features, &asking)?;
    }
    if let Some(count) = settings.expand_queries {
        query.features =
            expand_queries(&query.features, &gallery.features, dim, count, ask.memory)?;
    }
    let reranked = match settings.rerank {
        Some(rule) => {
            let bar = progress::bar("neighbours", query.crops.len() + gallery.crops.len());
            let (query, gallery) = (&query.features, &gallery.features);
            Some(rerank(query, gallery, dim, rule, ask.memory, &bar)?)
        }
        None => None,
    };
    let adjust = |index: usize, scores: &mut [f32]| {
        if let Some(reranked) = &reranked {
            reranked.adjust(index, scores);
        }
    };
    let (query_labels, gallery_labels) = (query.labels(), gallery.labels());
    let found = measure(
        Side {
            features: &query.features,
            labels: &query_labels,
        },
        Side {
            features: &gallery.features,
            labels: &gallery_labels,
        },
        dim,
        &ask,
        &progress::bar("ranking", query.crops.len()),
        Some(&adjust),
    )?;
    let metrics = found.metrics;
    let report = Report {
        dataset: data.layout.to_string(),
        folder: data.folder.display().to_string(),
        rank1: metrics.rank(1),
        rank5: metrics.rank(5),
        rank10: metrics.rank(10),
        metrics,
        roc: found.roc,
        cameras: found.cameras,
        reranked: settings
            .rerank
            .map(|rule| [rule.k1 as f32, rule.k2 as f32, rule.lambda]),
        normalized_cameras: settings.normalize_cameras,
        expanded_by: settings.expand_queries,
        broken,
    };
    Ok(Evaluation {
        report,
        query,
        gallery,
        average_precision: found.average_precision,
        reranked,
        width: dim,
    })
}
