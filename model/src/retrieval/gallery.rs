//! The places of a query's true matches, found without sorting the gallery.

use std::cmp::Ordering;
use std::collections::HashMap;

use pulp::{Arch, NullaryFnOnce};

use super::{JUNK, Label, RetrievalError};

/// The labels of a gallery, arranged for queries.
pub struct Gallery<'a> {
    labels: &'a [Label],
    by_identity: HashMap<i32, Vec<usize>>,
    /// Images that count for no query.
    junk: Vec<usize>,
    /// H(n) = 1 + 1/2 + ... + 1/n at n.
    harmonic: Vec<f64>,
}

/// What a query's ranking is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Place of the first true match, from 1.
    pub first: usize,
    /// Mean precision at the true matches.
    pub average_precision: f64,
    /// True matches over the place of the last one.
    pub inverse_penalty: f64,
    /// Expected Rank-1 of a random order.
    pub chance_rank1: f64,
    /// Expected average precision of a random order.
    pub chance_average_precision: f64,
}

/// Scores of this many images are compared with every match before the next ones are: they
/// stay in the fastest cache meanwhile.
const CHUNK: usize = 4096;

/// From so many matches on, finding an image's place among them by halving is faster than
/// comparing it with all.
const MANY: usize = 96;

struct Match {
    score: f32,
    index: usize,
    /// Images before it.
    before: usize,
}

impl<'a> Gallery<'a> {
    /// Arranges the labels of a gallery's images.
    pub fn new(labels: &'a [Label]) -> Self {
        let mut by_identity = HashMap::<i32, Vec<usize>>::new();
        for (index, label) in labels.iter().enumerate() {
            by_identity.entry(label.identity).or_default().push(index);
        }
        let junk = by_identity.remove(&JUNK).unwrap_or_default();
        let mut harmonic = vec![0.0];
        for n in 1..=labels.len() {
            harmonic.push(harmonic[n - 1] + 1.0 / n as f64);
        }
        Self {
            labels,
            by_identity,
            junk,
            harmonic,
        }
    }

    /// Images that are no junk.
    pub fn len(&self) -> usize {
        self.labels.len() - self.junk.len()
    }

    /// Whether there is no image but junk.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Indices of a query's true matches: its identity, seen by another camera.
    pub fn matches(&self, query: Label) -> impl Iterator<Item = usize> + '_ {
        self.same(query)
            .filter(move |&index| self.labels[index].camera != query.camera)
    }

    fn same(&self, query: Label) -> impl Iterator<Item = usize> + '_ {
        (self.by_identity.get(&query.identity).into_iter()).flat_map(|same| same.iter().copied())
    }

    /// Sets the scores of images that do not count for a query to minus infinity: junk, and
    /// its identity seen by its own camera. Returns how many do count.
    pub fn set_aside(&self, query: Label, scores: &mut [f32]) -> usize {
        let mut aside = self.junk.len();
        for &index in &self.junk {
            scores[index] = f32::NEG_INFINITY;
        }
        for index in self.same(query) {
            if self.labels[index].camera == query.camera {
                scores[index] = f32::NEG_INFINITY;
                aside += 1;
            }
        }
        self.labels.len() - aside
    }

    /// Measures the ranking of a query by its scores, one for every image of the gallery,
    /// the highest first; of equal scores the image with the lower index comes first. None
    /// without a true match. Scores of images that do not count become minus infinity.
    ///
    /// # Errors
    /// Another number of scores than of images, and scores that are not finite.
    pub fn measure(
        &self,
        query: Label,
        scores: &mut [f32],
    ) -> Result<Option<Found>, RetrievalError> {
        if scores.len() != self.labels.len() {
            return Err(RetrievalError::Shape {
                what: "scores",
                numbers: scores.len(),
                labels: self.labels.len(),
                dim: 1,
            });
        }
        if !Arch::new().dispatch(|| all_finite(scores)) {
            let broken = scores.iter().position(|score| !score.is_finite());
            return Err(RetrievalError::NotANumber(broken.unwrap_or(0)));
        }
        let counted = self.set_aside(query, scores);
        let mut matches: Vec<Match> = (self.matches(query))
            .map(|index| Match {
                score: scores[index],
                index,
                before: 0,
            })
            .collect();
        if matches.is_empty() {
            return Ok(None);
        }
        if matches.len() < MANY {
            Arch::new().dispatch(CompareWithAll {
                scores,
                matches: &mut matches,
            });
            matches.sort_unstable_by_key(|found| found.before);
        } else {
            halve(scores, &mut matches);
        }
        Ok(Some(self.worth(&matches, counted)))
    }

    /// `matches` from the first to the last.
    fn worth(&self, matches: &[Match], counted: usize) -> Found {
        let count = matches.len() as f64;
        let place = |found: &Match| (found.before + 1) as f64;
        let precisions = (1..)
            .zip(matches)
            .map(|(hit, found)| f64::from(hit) / place(found));
        // A random order has at place k a match with probability m/n, and given that,
        // (m-1)(k-1)/(n-1) matches are expected before it.
        let others = (counted.max(2) - 1) as f64;
        let harmonic = self.harmonic[counted];
        let chance = (count - 1.0) / others * (counted as f64 - harmonic) + harmonic;
        Found {
            first: matches[0].before + 1,
            average_precision: precisions.sum::<f64>() / count,
            inverse_penalty: count / place(&matches[matches.len() - 1]),
            chance_rank1: count / counted as f64,
            chance_average_precision: chance / counted as f64,
        }
    }
}

#[inline(always)]
fn all_finite(scores: &[f32]) -> bool {
    // Every score is looked at, so that a compiler may use vector registers.
    let finite = |all: bool, score: &f32| all & score.is_finite();
    scores.iter().fold(true, finite)
}

/// A type and no closure: a compiler may leave those out of the function that has the wider
/// instructions.
struct CompareWithAll<'a> {
    scores: &'a [f32],
    matches: &'a mut [Match],
}

impl NullaryFnOnce for CompareWithAll<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (chunk, start) in self.scores.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
            for found in self.matches.iter_mut() {
                // Of equal scores those with a lower index come before.
                let here = found.index.clamp(start, start + chunk.len()) - start;
                let (lower, higher) = chunk.split_at(here);
                found.before += above(lower, found.score.next_down());
                found.before += above(higher, found.score);
            }
        }
    }
}

/// How many scores are above a limit.
#[inline(always)]
fn above(scores: &[f32], limit: f32) -> usize {
    let count = |sum: u32, &score: &f32| sum + u32::from(score > limit);
    scores.iter().fold(0, count) as usize
}

fn halve(scores: &[f32], matches: &mut [Match]) {
    let order = |(a, i): (f32, usize), (b, j): (f32, usize)| {
        // `total_cmp` would order -0 below 0, though the two are equal scores.
        b.partial_cmp(&a).unwrap_or(Ordering::Equal).then(i.cmp(&j))
    };
    matches.sort_unstable_by(|a, b| order((a.score, a.index), (b.score, b.index)));
    for (index, &score) in scores.iter().enumerate() {
        let after = |found: &Match| order((score, index), (found.score, found.index)).is_ge();
        let place = matches.partition_point(after);
        if let Some(next) = matches.get_mut(place) {
            next.before += 1;
        }
    }
    let mut before = 0;
    for found in matches {
        before += found.before;
        found.before = before;
    }
}
