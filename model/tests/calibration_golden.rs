//! Calibration against scikit-learn (`tests/golden/make_calibration.py`).

mod common;

use common::golden::Golden;
use dcac_model::retrieval::{Calibration, Tally};

/// One pair.
fn tally(score: f32, right: bool) -> Tally {
    Tally {
        score,
        right: right.into(),
        wrong: (!right).into(),
    }
}

fn case(golden: &Golden, number: usize) -> Vec<Tally> {
    let scores = golden.floats(&format!("{number}.scores"));
    let right = golden.floats(&format!("{number}.right"));
    let pair = |(score, right)| tally(score, right == 1.0);
    scores.into_iter().zip(right).map(pair).collect()
}

#[test]
fn the_map_is_that_of_scikit_learn() {
    let golden = Golden::open("calibration");
    for number in 0..4 {
        let answers = case(&golden, number);
        let found = Calibration::fit(&answers).expect("a map");
        let expected = golden.doubles(&format!("{number}.map"));
        // What matters are the probabilities; its minimiser stops a little early.
        for step in 0..=20 {
            let score = -1.0 + 0.1 * step as f32;
            let odds = expected[0] * f64::from(score) + expected[1];
            let theirs = 1.0 / (1.0 + (-odds).exp());
            let ours = found.probability(score);
            assert!(
                (ours - theirs).abs() < 1e-4,
                "{number}: {ours} for {theirs}"
            );
        }
    }
}

#[test]
fn a_map_is_reliable_where_it_was_fitted() {
    let golden = Golden::open("calibration");
    let pairs = case(&golden, 1);
    let map = Calibration::fit(&pairs).expect("a map");
    let found = map.reliability(&pairs).expect("pairs");
    assert_eq!(found.pairs, 5000);
    assert_eq!(found.bins.iter().map(|bin| bin.pairs).sum::<u64>(), 5000);
    let right = pairs.iter().map(|tally| tally.right).sum::<u64>() as f64 / 5000.0;
    assert!((found.right - right).abs() < 1e-12);
    // A fitted map is right on the whole, and better than always saying the share of right ones.
    assert!(
        found.error < 0.01 && found.brier < right * (1.0 - right),
        "{found:?}"
    );
    let overconfident = Calibration {
        slope: 4.0 * map.slope,
        offset: 4.0 * map.offset,
        ..map
    };
    let worse = overconfident.reliability(&pairs).expect("pairs");
    assert!(worse.brier > found.brier);
    // Pairs of one score may be counted together.
    let twice = [pairs.clone(), pairs.clone()].concat();
    let doubled: Vec<Tally> = (pairs.iter())
        .map(|tally| Tally {
            right: 2 * tally.right,
            wrong: 2 * tally.wrong,
            ..*tally
        })
        .collect();
    let (a, b) = (Calibration::fit(&twice), Calibration::fit(&doubled));
    let (a, b) = (a.expect("a map"), b.expect("a map"));
    assert!((a.probability(0.5) - b.probability(0.5)).abs() < 1e-9);
    assert_eq!(
        map.reliability(&doubled).map(|found| found.pairs),
        Some(10_000)
    );
}

#[test]
fn what_says_nothing_gives_no_map() {
    let fit = |pairs: &[(f32, bool)]| {
        let pairs: Vec<Tally> = pairs.iter().map(|&(s, right)| tally(s, right)).collect();
        Calibration::fit(&pairs)
    };
    assert_eq!(fit(&[]), None);
    assert_eq!(fit(&[(0.5, true), (0.2, true)]), None);
    assert_eq!(fit(&[(0.5, true), (0.5, false)]), None);
    // Scores that fall with the truth.
    assert_eq!(fit(&[(0.1, true), (0.9, false), (0.2, true)]), None);
    assert_eq!(fit(&[(f32::NAN, true), (0.9, false)]), None);
    let map = fit(&[(0.9, true), (0.1, false)]).expect("a map");
    assert!(map.reliability(&[]).is_none());
}

#[test]
fn a_map_may_be_stated_for_another_share_of_right_pairs() {
    let golden = Golden::open("calibration");
    let pairs = case(&golden, 1);
    let map = Calibration::fit(&pairs).expect("a map");
    let share = pairs.iter().map(|tally| tally.right).sum::<u64>() as f64 / 5000.0;
    assert!((map.prior - share).abs() < 1e-12);
    // Every wrong pair nine times over: Bayes' rule divides the odds by nine.
    let more: Vec<Tally> = (pairs.iter())
        .map(|tally| Tally {
            wrong: 9 * tally.wrong,
            ..*tally
        })
        .collect();
    let rarer = map.at_prior(share / (share + 9.0 * (1.0 - share)));
    for score in [-0.5, 0.2, 0.4, 0.9] {
        let odds = |map: Calibration| map.probability(score) / (1.0 - map.probability(score));
        assert!((odds(map) / odds(rarer) - 9.0).abs() < 1e-6);
    }
    // Weighted pairs tell the same as counted ones.
    let counted = rarer.reliability(&more).expect("pairs");
    let weighted = rarer.reliability_at_prior(&pairs).expect("pairs");
    assert!((weighted.right - rarer.prior).abs() < 1e-12);
    assert!((counted.brier - weighted.brier).abs() < 1e-12);
    assert!((counted.error - weighted.error).abs() < 1e-12);
    assert_eq!(weighted.pairs, 5000);
    // At its own prior nothing changes, and back again neither.
    let (same, plain) = (map.reliability_at_prior(&pairs), map.reliability(&pairs));
    let (same, plain) = (same.expect("pairs"), plain.expect("pairs"));
    assert!((same.brier - plain.brier).abs() < 1e-12 && (same.error - plain.error).abs() < 1e-12);
    let back = rarer.at_prior(map.prior);
    assert!((back.offset - map.offset).abs() < 1e-12);
    assert!(rarer.reliability_at_prior(&[tally(0.5, true)]).is_none());
}
