//! What scores mean: a map from score to probability, fitted on a test set.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::{Calibration, Gallery, Reliability, Scored, nearest};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Evaluation;
use crate::data::distinct;
use crate::model_dir;
use crate::retrieval::each_row;

/// Answers of each query that are looked at: what someone sees of a ranking.
const ANSWERS: usize = 10;
/// Fewer right or wrong answers than these in either half say too little.
const FEWEST: usize = 20;

/// What a manifest says under `calibration`.
#[derive(Serialize)]
pub struct Calibrated {
    /// The map.
    #[serde(flatten)]
    pub map: Calibration,
    /// It is the probability that one of so many first answers of a query is right.
    pub answers_per_query: usize,
    /// The test set.
    pub test_set: String,
    /// Its queries.
    pub queries: usize,
    /// Its gallery images. In a larger gallery the same score is worth less.
    pub gallery: usize,
    /// On the half of the identities that the map was fitted on.
    pub fitted: Reliability,
    /// On the other half.
    pub held_out: Reliability,
}

/// Fits the map on the first answers of every other identity's queries, measures it on the
/// others', and stores both in the manifest of the model.
///
/// # Errors
/// Too few right or wrong answers, scores that do not rise with the truth, and a manifest
/// that cannot be read or written.
pub fn calibrate(model: &Path, evaluation: &Evaluation, memory: usize) -> Result<Calibrated> {
    let (query_labels, labels) = (evaluation.query.labels(), evaluation.gallery.labels());
    let gallery = Gallery::new(&labels);
    let (query, features) = (&evaluation.query.features, &evaluation.gallery.features);
    let answers = each_row(
        query,
        features,
        evaluation.width,
        memory,
        &ProgressBar::hidden(),
        |index, scores| {
            let label = query_labels[index];
            let counted = gallery.set_aside(label, scores);
            let first = nearest(scores, ANSWERS.min(counted)).into_iter();
            let answer = |index: u32| {
                let index = index as usize;
                (scores[index], labels[index].identity == label.identity)
            };
            Ok(first.map(answer).collect::<Vec<Scored>>())
        },
    )?;
    let identities = distinct(query_labels.iter().map(|label| label.identity));
    let half = |half: usize| -> Vec<Scored> {
        let chosen = (query_labels.iter().zip(&answers)).filter(|(label, _)| {
            let place = identities.binary_search(&label.identity);
            place.is_ok_and(|place| place % 2 == half)
        });
        chosen.flat_map(|(_, answers)| answers.clone()).collect()
    };
    let (fitting, others) = (half(0), half(1));
    let set = evaluation.report.name();
    for answers in [&fitting, &others] {
        let right = answers.iter().filter(|(_, right)| *right).count();
        let wrong = answers.len() - right;
        if right < FEWEST || wrong < FEWEST {
            bail!(
                "{set} is too small or too easy to calibrate on: half of its identities give {right} right and {wrong} wrong answers among the first {ANSWERS}, at least {FEWEST} of both are needed"
            );
        }
    }
    let map = Calibration::fit(&fitting).with_context(|| {
        format!("on {set} right answers have no higher scores than wrong ones; this model cannot be calibrated on it")
    })?;
    let reliability = |answers: &[Scored]| {
        map.reliability(answers)
            .with_context(|| format!("{set} gives no answers"))
    };
    let calibrated = Calibrated {
        map,
        answers_per_query: ANSWERS,
        test_set: set.clone(),
        queries: query_labels.len(),
        gallery: gallery.len(),
        fitted: reliability(&fitting)?,
        held_out: reliability(&others)?,
    };
    model_dir::add_to_manifest(model, "calibration", &calibrated)?;
    Ok(calibrated)
}

impl Calibrated {
    /// The map and its reliability, for people.
    pub fn table(&self) -> String {
        let mut table = format!(
            "calibrated on the first {} answers of every query; on identities that it was not fitted on:\n\
             {} answers, {:.1} % right; expected calibration error {:.3}, Brier score {:.3}\n\
             probability   right  answers\n",
            self.answers_per_query,
            self.held_out.answers,
            100.0 * self.held_out.right,
            self.held_out.error,
            self.held_out.brier,
        );
        for bin in &self.held_out.bins {
            table += &format!(
                "{:9.1} %  {:4.1} %  {:7}\n",
                100.0 * bin.probability,
                100.0 * bin.right,
                bin.answers
            );
        }
        table
    }
}
