//! Which queries a report shows, and what was found for them.

use anyhow::Result;

use crate::evaluate::Evaluation;
use crate::page::Ranked;

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

/// A query, its ranking, and how good that is.
pub(super) struct Example {
    pub ranked: Ranked,
    /// 0 to 1.
    pub average_precision: f64,
    /// True matches in the gallery.
    pub matches: usize,
    /// Rank of the first one, from 1.
    pub first_match: usize,
}

impl Examples {
    /// The queries with the highest and lowest average precision; of equal ones the
    /// first in the test set's order, and none twice.
    ///
    /// # Errors
    /// Crops that have gone since they were embedded.
    pub fn of(evaluation: &Evaluation) -> Result<Self> {
        let (best, worst) = extremes(&evaluation.average_precision);
        let all = |chosen: Vec<Measured>| -> Result<Vec<Example>> {
            (chosen.into_iter())
                .map(|(query, precision)| {
                    let ranking = evaluation.ranking(query)?;
                    let first = ranking.iter().position(|hit| hit.right);
                    Ok(Example {
                        ranked: evaluation.show(query, &ranking[..TOP.min(ranking.len())])?,
                        average_precision: precision,
                        matches: ranking.iter().filter(|hit| hit.right).count(),
                        first_match: first.map_or(0, |index| index + 1),
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
