//! Verification: how many true pairs are accepted at a rate of false ones.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// A point of the receiver operating characteristic over pairs of a query and a gallery image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The rate of false accepts that was asked for.
    pub fpr: f64,
    /// Share of the true pairs whose score is above the threshold.
    pub tpr: f64,
    /// The highest score at which no more than that share of the false pairs lies above it.
    pub threshold: f32,
}

/// The highest scores of false pairs, as many as the rates need, in bounded memory.
pub struct FalsePairs {
    keep: usize,
    highest: Vec<f32>,
    total: u64,
    floor: f32,
}

impl FalsePairs {
    /// Keeps what `rates` of at most `pairs` false pairs need.
    ///
    /// # Errors
    /// Rates outside 0 to 1, and more scores than `memory` bytes hold twice.
    pub fn new(rates: &[f64], pairs: u64, memory: usize) -> Result<Self> {
        if let Some(rate) = rates.iter().find(|rate| !(0.0..=1.0).contains(*rate)) {
            bail!("{rate} is no rate of false accepts; give numbers from 0 to 1");
        }
        let most = rates.iter().copied().fold(0.0, f64::max);
        let keep = (most * pairs as f64) as usize + 1;
        if keep.saturating_mul(2 * size_of::<f32>()) > memory {
            bail!(
                "a rate of {most} of {pairs} false pairs needs {} MiB; give a lower rate or a higher --memory",
                (keep >> 17) + 1
            );
        }
        Ok(Self {
            keep,
            highest: Vec::new(),
            total: 0,
            floor: f32::NEG_INFINITY,
        })
    }

    /// Takes the scores of `pairs` false pairs; minus infinity stands for none.
    pub fn add(&mut self, scores: &[f32], pairs: usize) {
        self.total += pairs as u64;
        let floor = self.floor;
        (self.highest).extend(scores.iter().filter(|&&score| score > floor));
        if self.highest.len() >= 2 * self.keep {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.highest.len() <= self.keep {
            return;
        }
        let (_, lowest, _) =
            (self.highest).select_nth_unstable_by(self.keep - 1, |a, b| b.total_cmp(a));
        // An equal score would change nothing: the ones that are kept are enough.
        self.floor = *lowest;
        self.highest.truncate(self.keep);
    }

    /// The points at `rates`, given the scores of all true pairs.
    pub fn points(mut self, rates: &[f64], mut positives: Vec<f32>) -> Vec<RocPoint> {
        self.highest.sort_unstable_by(|a, b| b.total_cmp(a));
        positives.sort_unstable_by(|a, b| b.total_cmp(a));
        let point = |&fpr: &f64| {
            // So many false pairs may be accepted; the next one must not.
            let allowed = (fpr * self.total as f64).floor() as usize;
            let threshold = (self.highest.get(allowed)).map_or(f32::NEG_INFINITY, |&score| score);
            let accepted = positives.partition_point(|&score| score > threshold);
            RocPoint {
                fpr,
                tpr: accepted as f64 / positives.len() as f64,
                threshold,
            }
        };
        rates.iter().map(point).collect()
    }
}
