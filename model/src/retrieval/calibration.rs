//! What a score says about whether two pictures show the same person.

use serde::{Deserialize, Serialize};

/// Pairs of a query and a gallery image with the same score, or nearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// The score.
    pub score: f32,
    /// How many of the pairs show the same person.
    pub right: u64,
    /// How many do not.
    pub wrong: u64,
}

/// A map from scores to probabilities, Platt's: `1 / (1 + exp(-(slope * score + offset)))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Log-odds by which a score of 1 differs from one of 0.
    pub slope: f64,
    /// Log-odds at a score of 0.
    pub offset: f64,
    /// Share of pairs of the same person among the pairs that the map is stated for, 0 to 1.
    pub prior: f64,
}

/// How far probabilities are to be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Pairs.
    pub pairs: u64,
    /// Share of them that show the same person; the map's prior where pairs were weighted.
    pub right: f64,
    /// Mean squared difference of probability and truth.
    pub brier: f64,
    /// Mean over the pairs of the difference between the mean probability and the share of
    /// right ones in their bin (expected calibration error).
    pub error: f64,
    /// Bins of probabilities, each a tenth wide; empty ones are left out.
    pub bins: Vec<Bin>,
}

/// Pairs of nearly the same probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Their number.
    pub pairs: u64,
    /// Their mean probability.
    pub probability: f64,
    /// The share of right ones among them.
    pub right: f64,
}

/// Bins of a [`Reliability`].
const BINS: usize = 10;
/// Newton's method squares its error in each step; this many are more than it ever needs.
const STEPS: usize = 100;

impl Calibration {
    /// The most likely map for some pairs, with the targets that keep a map of perfectly
    /// parted scores finite (Lin, Lin, Weng, "A note on Platt's probabilistic outputs for
    /// support vector machines", 2007). None unless there are right and wrong pairs, finite
    /// scores, and higher ones for the right pairs.
    pub fn fit(pairs: &[Tally]) -> Option<Self> {
        let right: u64 = pairs.iter().map(|tally| tally.right).sum();
        let wrong: u64 = pairs.iter().map(|tally| tally.wrong).sum();
        if right == 0 || wrong == 0 {
            return None;
        }
        let (right, wrong) = (right as f64, wrong as f64);
        let (high, low) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
        // Pairs of a score, and the sum of their targets.
        let weigh = |tally: &Tally| {
            let count = (tally.right + tally.wrong) as f64;
            let target = tally.right as f64 * high + tally.wrong as f64 * low;
            (f64::from(tally.score), count, target)
        };
        let all: Vec<(f64, f64, f64)> = pairs.iter().map(weigh).collect();
        // The scores of a set lie close together: around their mean the two unknowns hardly
        // depend on each other.
        let mean = all.iter().map(|(x, count, _)| x * count).sum::<f64>() / (right + wrong);
        let cost = |slope: f64, offset: f64| -> f64 {
            let one = |&(x, count, target): &(f64, f64, f64)| {
                let odds = slope * (x - mean) + offset;
                // -t log p - (1 - t) log (1 - p), which overflows nowhere.
                count * (odds.max(0.0) + (-odds.abs()).exp().ln_1p()) - odds * target
            };
            all.iter().map(one).sum()
        };
        let (mut slope, mut offset) = (0.0, ((right + 1.0) / (wrong + 1.0)).ln());
        let mut least = cost(slope, offset);
        for _ in 0..STEPS {
            // Gradient and Hessian.
            let (mut g, mut h) = ([0.0; 2], [0.0; 3]);
            for &(x, count, target) in &all {
                let x = x - mean;
                let p = sigmoid(slope * x + offset);
                let (miss, weight) = (count * p - target, count * p * (1.0 - p));
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
            prior: right / (right + wrong),
        };
        (fitted.slope > 0.0 && fitted.offset.is_finite()).then_some(fitted)
    }

    /// The probability of a score, 0 to 1.
    pub fn probability(&self, score: f32) -> f64 {
        sigmoid(self.slope * f64::from(score) + self.offset)
    }

    /// The same map for another share of right pairs, above 0 and below 1 (Saerens, Latinne,
    /// Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
    /// 2002): scores of right and of wrong pairs are taken to stay what they are.
    pub fn at_prior(self, prior: f64) -> Self {
        Self {
            offset: self.offset + log_odds(prior) - log_odds(self.prior),
            prior,
            ..self
        }
    }

    /// [`Calibration::reliability`] on pairs that are weighted until the share of right ones
    /// is the map's prior.
    pub fn reliability_at_prior(&self, pairs: &[Tally]) -> Option<Reliability> {
        let right: u64 = pairs.iter().map(|tally| tally.right).sum();
        let wrong: u64 = pairs.iter().map(|tally| tally.wrong).sum();
        let all = (right + wrong) as f64;
        let weight = |share: f64, count: u64| share * all / count as f64;
        let weights = [weight(self.prior, right), weight(1.0 - self.prior, wrong)];
        (right > 0 && wrong > 0)
            .then(|| self.weighted(pairs, weights))
            .flatten()
    }

    /// How far the probabilities of some pairs are to be believed. None without pairs.
    pub fn reliability(&self, pairs: &[Tally]) -> Option<Reliability> {
        self.weighted(pairs, [1.0, 1.0])
    }

    /// `weights` are those of a right and of a wrong pair; they leave the sum of all pairs
    /// what it is.
    fn weighted(&self, pairs: &[Tally], weights: [f64; 2]) -> Option<Reliability> {
        #[derive(Clone, Copy, Default)]
        struct Sum {
            pairs: u64,
            weight: f64,
            probability: f64,
            right: f64,
        }
        let mut bins = [Sum::default(); BINS];
        let mut squares = 0.0;
        for tally in pairs {
            let probability = self.probability(tally.score);
            let right = weights[0] * tally.right as f64;
            let wrong = weights[1] * tally.wrong as f64;
            let bin = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
            bin.pairs += tally.right + tally.wrong;
            bin.weight += right + wrong;
            bin.probability += (right + wrong) * probability;
            bin.right += right;
            squares += right * (1.0 - probability).powi(2) + wrong * probability.powi(2);
        }
        let count = bins.iter().map(|bin| bin.pairs).sum();
        let all: f64 = bins.iter().map(|bin| bin.weight).sum();
        let misses = bins.iter().map(|bin| (bin.probability - bin.right).abs());
        (count > 0).then(|| Reliability {
            pairs: count,
            right: bins.iter().map(|bin| bin.right).sum::<f64>() / all,
            brier: squares / all,
            error: misses.sum::<f64>() / all,
            bins: (bins.iter().filter(|bin| bin.pairs > 0))
                .map(|bin| Bin {
                    pairs: bin.pairs,
                    probability: bin.probability / bin.weight,
                    right: bin.right / bin.weight,
                })
                .collect(),
        })
    }
}

fn log_odds(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
