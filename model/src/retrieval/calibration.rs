//! What a score says about whether two pictures show the same person.

use serde::{Deserialize, Serialize};

/// A score and whether it was that of a true match.
pub type Scored = (f32, bool);

/// A map from scores to probabilities, Platt's: `1 / (1 + exp(-(slope * score + offset)))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Log-odds by which a score of 1 differs from one of 0.
    pub slope: f64,
    /// Log-odds at a score of 0.
    pub offset: f64,
}

/// How far probabilities are to be believed, on answers that they were not fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Answers.
    pub answers: usize,
    /// Share of them that are right.
    pub right: f64,
    /// Mean squared difference of probability and truth.
    pub brier: f64,
    /// Mean over the answers of the difference between the mean probability and the share of
    /// right ones in their bin (expected calibration error).
    pub error: f64,
    /// Bins of equally many answers, by ascending probability.
    pub bins: Vec<Bin>,
}

/// Answers of nearly the same probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Their number.
    pub answers: usize,
    /// Their mean probability.
    pub probability: f64,
    /// The share of right ones among them.
    pub right: f64,
}

/// Most bins of a [`Reliability`].
const BINS: usize = 10;
/// Newton's method squares its error in each step; this many are more than it ever needs.
const STEPS: usize = 100;

impl Calibration {
    /// The most likely map for some answers, with the targets that keep a map of perfectly
    /// parted scores finite (Lin, Lin, Weng, "A note on Platt's probabilistic outputs for
    /// support vector machines", 2007). None unless there are right and wrong answers, finite
    /// scores, and higher ones for the right ones.
    pub fn fit(answers: &[Scored]) -> Option<Self> {
        let right = answers.iter().filter(|(_, right)| *right).count() as f64;
        let wrong = answers.len() as f64 - right;
        if right == 0.0 || wrong == 0.0 {
            return None;
        }
        let target = |right_one| match right_one {
            true => (right + 1.0) / (right + 2.0),
            false => 1.0 / (wrong + 2.0),
        };
        // The scores of a set lie close together: around their mean the two unknowns hardly
        // depend on each other.
        let mean = answers
            .iter()
            .map(|(score, _)| f64::from(*score))
            .sum::<f64>();
        let mean = mean / answers.len() as f64;
        let cost = |slope: f64, offset: f64| -> f64 {
            let one = |&(score, right): &Scored| {
                let odds = slope * (f64::from(score) - mean) + offset;
                // -t log p - (1 - t) log (1 - p), which overflows nowhere.
                odds.max(0.0) - odds * target(right) + (-odds.abs()).exp().ln_1p()
            };
            answers.iter().map(one).sum()
        };
        let (mut slope, mut offset) = (0.0, ((right + 1.0) / (wrong + 1.0)).ln());
        let mut least = cost(slope, offset);
        for _ in 0..STEPS {
            // Gradient and Hessian.
            let (mut g, mut h) = ([0.0; 2], [0.0; 3]);
            for &(score, right) in answers {
                let x = f64::from(score) - mean;
                let p = sigmoid(slope * x + offset);
                let (miss, weight) = (p - target(right), p * (1.0 - p));
                g = [g[0] + miss * x, g[1] + miss];
                h = [h[0] + weight * x * x, h[1] + weight * x, h[2] + weight];
            }
            let determinant = h[0] * h[2] - h[1] * h[1];
            if determinant.is_nan() || determinant <= 0.0 {
                return None;
            }
            let step = [
                (h[2] * g[0] - h[1] * g[1]) / determinant,
                (h[0] * g[1] - h[1] * g[0]) / determinant,
            ];
            // Half a step, a quarter and so on, until the cost falls.
            let halves = (0..40).map(|halvings| 0.5_f64.powi(halvings));
            let better = halves.into_iter().find_map(|part| {
                let (a, b) = (slope - part * step[0], offset - part * step[1]);
                let cost = cost(a, b);
                (cost < least).then_some((a, b, cost))
            });
            match better {
                Some((a, b, cost)) => (slope, offset, least) = (a, b, cost),
                None => break,
            }
        }
        let fitted = Self {
            slope,
            offset: offset - slope * mean,
        };
        (fitted.slope > 0.0 && fitted.offset.is_finite()).then_some(fitted)
    }

    /// The probability of a score, 0 to 1.
    pub fn probability(&self, score: f32) -> f64 {
        sigmoid(self.slope * f64::from(score) + self.offset)
    }

    /// How far the probabilities of some answers are to be believed. None without answers.
    pub fn reliability(&self, answers: &[Scored]) -> Option<Reliability> {
        let count = answers.len();
        let mut rated: Vec<(f64, f64)> = (answers.iter())
            .map(|&(score, right)| (self.probability(score), f64::from(u8::from(right))))
            .collect();
        rated.sort_by(|a, b| a.0.total_cmp(&b.0));
        let share = |rated: &[(f64, f64)]| {
            rated.iter().map(|(_, right)| right).sum::<f64>() / rated.len() as f64
        };
        let bins: Vec<Bin> = (0..BINS)
            .map(|bin| &rated[bin * count / BINS..(bin + 1) * count / BINS])
            .filter(|bin| !bin.is_empty())
            .map(|bin| Bin {
                answers: bin.len(),
                probability: bin.iter().map(|(p, _)| p).sum::<f64>() / bin.len() as f64,
                right: share(bin),
            })
            .collect();
        let miss = |bin: &Bin| bin.answers as f64 * (bin.probability - bin.right).abs();
        let squares = rated.iter().map(|(p, right)| (p - right).powi(2));
        (count > 0).then(|| Reliability {
            answers: count,
            right: share(&rated),
            brier: squares.sum::<f64>() / count as f64,
            error: bins.iter().map(miss).sum::<f64>() / count as f64,
            bins,
        })
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
