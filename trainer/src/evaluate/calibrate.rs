//! What scores mean: a map from score to probability, fitted on a test set.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::{Calibration, Gallery, Reliability, Tally, nearest};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Evaluation;
use crate::data::distinct;
use crate::model_dir;
use crate::retrieval::each_row;

/// Steps of scores from -1 to 1: pairs within one are counted together.
const STEPS: usize = 4000;
/// Fewer right or wrong pairs than these in either half say too little.
const FEWEST: u64 = 50;
/// Answers of each query that people look at. Nearly all other pairs are plainly of different
/// people, so that figures on all pairs alone would flatter any map.
const ANSWERS: usize = 10;

/// What a manifest says under [`model_dir::calibration_key`].
#[derive(Serialize)]
pub struct Calibrated {
    /// The map.
    #[serde(flatten)]
    pub map: Calibration,
    /// The test set, whose pairs of a query and a gallery image it is about.
    pub test_set: String,
    /// Its queries.
    pub queries: usize,
    /// Its gallery images.
    pub gallery: usize,
    /// On the queries of every other identity, which the map was fitted on.
    pub fitted: Reliability,
    /// On the others'.
    pub held_out: Reliability,
    /// On the others' first ten answers; none where another prior was asked for, with which
    /// other images would be among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out_answers: Option<Reliability>,
}

/// Right and wrong pairs by the step of their score.
struct Histogram {
    right: Vec<u64>,
    wrong: Vec<u64>,
}

impl Histogram {
    fn new() -> Self {
        Self {
            right: vec![0; STEPS + 1],
            wrong: vec![0; STEPS + 1],
        }
    }

    fn tallies(&self) -> Vec<Tally> {
        let step = 2.0 / STEPS as f32;
        let tally = |(index, (&right, &wrong))| Tally {
            score: index as f32 * step - 1.0,
            right,
            wrong,
        };
        (self.right.iter().zip(&self.wrong).enumerate())
            .map(tally)
            .filter(|tally| tally.right + tally.wrong > 0)
            .collect()
    }
}

/// Fits the map on all pairs of every other identity's queries with gallery images that count,
/// measures it on the others', and stores both in the manifest of the model. Probabilities are
/// those of a set with the share `prior` of right pairs; of this one unless it is given.
///
/// # Errors
/// Too few right or wrong pairs, scores that do not rise with the truth, and a manifest
/// that cannot be read or written.
pub fn calibrate(
    model: &Path,
    evaluation: &Evaluation,
    prior: Option<f64>,
    memory: usize,
) -> Result<Calibrated> {
    let (query_labels, labels) = (evaluation.query.labels(), evaluation.gallery.labels());
    let gallery = Gallery::new(&labels);
    let identities = distinct(query_labels.iter().map(|label| label.identity));
    let halves = [Histogram::new(), Histogram::new()].map(Mutex::new);
    let (query, features) = (&evaluation.query.features, &evaluation.gallery.features);
    let answers = each_row(
        query,
        features,
        evaluation.width,
        memory,
        &ProgressBar::hidden(),
        |index, scores| {
            let label = query_labels[index];
            let half = identities.binary_search(&label.identity).unwrap_or(0) % 2;
            let counted = gallery.set_aside(label, scores);
            let seen = ANSWERS.min(if half == 1 { counted } else { 0 });
            let answer = |&index: &u32| {
                let right = labels[index as usize].identity == label.identity;
                Tally {
                    score: scores[index as usize],
                    right: right.into(),
                    wrong: (!right).into(),
                }
            };
            let answers: Vec<Tally> = nearest(scores, seen).iter().map(answer).collect();
            let mut counts = vec![0_u32; STEPS + 1];
            let step = |score: f32| ((score + 1.0) * (STEPS as f32 / 2.0)).round() as usize;
            let matches: Vec<usize> = (gallery.matches(label))
                .map(|index| step(std::mem::replace(&mut scores[index], f32::NEG_INFINITY)))
                .collect();
            for &score in scores.iter().filter(|score| score.is_finite()) {
                counts[step(score).min(STEPS)] += 1;
            }
            let mut half = halves[half]
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            for (sum, count) in half.wrong.iter_mut().zip(counts) {
                *sum += u64::from(count);
            }
            for step in matches {
                half.right[step.min(STEPS)] += 1;
            }
            Ok(answers)
        },
    )?;
    let [fitting, others] = halves.map(|half| {
        (half
            .into_inner()
            .unwrap_or_else(|broken| broken.into_inner()))
        .tallies()
    });
    let set = evaluation.report.name();
    for pairs in [&fitting, &others] {
        let right: u64 = pairs.iter().map(|tally| tally.right).sum();
        let wrong: u64 = pairs.iter().map(|tally| tally.wrong).sum();
        if right < FEWEST || wrong < FEWEST {
            bail!(
                "{set} is too small to calibrate on: half of its identities give {right} right and {wrong} wrong pairs, at least {FEWEST} of both are needed"
            );
        }
    }
    let map = Calibration::fit(&fitting).with_context(|| {
        format!("on {set} right pairs have no higher scores than wrong ones; this model cannot be calibrated on it")
    })?;
    let answers = match prior {
        Some(_) => None,
        None => map.reliability(&answers.concat()),
    };
    let map = prior.map_or(map, |prior| map.at_prior(prior));
    let reliability = |pairs: &[Tally]| {
        let found = match prior {
            Some(_) => map.reliability_at_prior(pairs),
            None => map.reliability(pairs),
        };
        found.with_context(|| format!("{set} gives no pairs"))
    };
    let calibrated = Calibrated {
        map,
        test_set: set.clone(),
        queries: query_labels.len(),
        gallery: gallery.len(),
        fitted: reliability(&fitting)?,
        held_out: reliability(&others)?,
        held_out_answers: answers,
    };
    let key = model_dir::calibration_key(evaluation.report.normalized_cameras);
    model_dir::add_to_manifest(model, key, &calibrated)?;
    Ok(calibrated)
}

impl Calibrated {
    /// The map and its reliability, for people.
    pub fn table(&self) -> String {
        let mut table = format!(
            "Probability that two pictures show the same person, where {:.3} % of the pairs of a query\n\
             and a gallery image do. On identities that it was not fitted on:\n\
             {:18} {:>10}  same person  calibration error  Brier score\n",
            100.0 * self.map.prior,
            "",
            "pairs",
        );
        let mut line = |what: &str, found: &Reliability| {
            table += &format!(
                "{what:18} {:10}  {:9.2} %  {:17.4}  {:11.4}\n",
                found.pairs,
                100.0 * found.right,
                found.error,
                found.brier
            );
        };
        line("all pairs", &self.held_out);
        if let Some(found) = &self.held_out_answers {
            line(&format!("first {ANSWERS} answers"), found);
        }
        let (what, shown) = match &self.held_out_answers {
            Some(found) => (format!("first {ANSWERS} answers"), found),
            None => ("all pairs".to_string(), &self.held_out),
        };
        table += &format!("\n{what}: probability  same person     pairs\n");
        for bin in &shown.bins {
            table += &format!(
                "{:1$}{2:9.1} %  {3:9.1} %  {4:8}\n",
                "",
                what.len() + 2,
                100.0 * bin.probability,
                100.0 * bin.right,
                bin.pairs
            );
        }
        table
    }
}

/// Reads `--prior`.
pub fn prior(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err(format!(
            "`{text}` is no share of pairs; give a number between 0 and 1, such as 0.001"
        )),
    }
}
