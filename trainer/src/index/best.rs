//! The best of many rows, seen one after the other.

use std::cmp::Reverse;

/// Keeps the rows that weigh most; of equal ones those that came first.
pub struct Best {
    keep: usize,
    /// Weight from which on a row is kept.
    pub at_least: u64,
    /// Weight, segment and row. Up to twice as many as are kept in the end.
    rows: Vec<(u64, usize, usize)>,
}

impl Best {
    /// Nothing seen yet; `keep` is 1 or more.
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            at_least: 0,
            rows: Vec::new(),
        }
    }

    /// Keeps a row if it may be one of the best. Rows come in ascending order.
    pub fn offer(&mut self, weight: u64, segment: usize, row: usize) {
        if weight < self.at_least {
            return;
        }
        self.rows.push((weight, segment, row));
        if self.rows.len() >= self.keep.saturating_mul(2) {
            self.cut();
            // Of rows that weigh as much as the last one, those to come stand behind it.
            self.at_least = self.rows.last().map_or(0, |&(weight, ..)| weight + 1);
        }
    }

    /// Leaves the best, the last of them at the end.
    fn cut(&mut self) {
        if self.keep < self.rows.len() {
            let order =
                |&(weight, segment, row): &(u64, usize, usize)| (Reverse(weight), segment, row);
            self.rows.select_nth_unstable_by_key(self.keep - 1, order);
            self.rows.truncate(self.keep);
        }
    }

    /// The best, as segment and row, in ascending order.
    pub fn rows(mut self) -> Vec<(usize, usize)> {
        self.cut();
        let mut rows: Vec<_> = self.rows.into_iter().map(|(_, s, row)| (s, row)).collect();
        rows.sort_unstable();
        rows
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random;

    #[test]
    fn the_best_are_those_of_a_sorted_list() {
        let mut rng = random::stream(1, "best", 0);
        for (count, keep) in [(0, 3), (5, 9), (9, 9), (2000, 1), (2000, 100)] {
            let mut all: Vec<(u64, usize, usize)> = (0..count)
                .map(|row| (rng.random_range(0..50), row / 700, row % 700))
                .collect();
            let mut best = Best::new(keep);
            for &(weight, segment, row) in &all {
                best.offer(weight, segment, row);
            }
            all.sort_by_key(|&(weight, ..)| Reverse(weight));
            let mut expected: Vec<_> = all.iter().take(keep).map(|&(_, s, r)| (s, r)).collect();
            expected.sort_unstable();
            assert_eq!(best.rows(), expected, "{keep} of {count}");
        }
    }
}
