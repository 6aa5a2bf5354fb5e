//! Calibration against scikit-learn (`tests/golden/make_calibration.py`).

mod common;

use common::golden::Golden;
use dcac_model::retrieval::{Calibration, Scored};

fn case(golden: &Golden, number: usize) -> Vec<Scored> {
    let scores = golden.floats(&format!("{number}.scores"));
    let right = golden.floats(&format!("{number}.right"));
    scores
        .into_iter()
        .zip(right.into_iter().map(|right| right == 1.0))
        .collect()
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
    let answers = case(&golden, 1);
    let map = Calibration::fit(&answers).expect("a map");
    let found = map.reliability(&answers).expect("answers");
    assert_eq!((found.answers, found.bins.len()), (5000, 10));
    assert_eq!(
        found.bins.iter().map(|bin| bin.answers).sum::<usize>(),
        5000
    );
    let right = answers.iter().filter(|(_, right)| *right).count() as f64 / 5000.0;
    assert!((found.right - right).abs() < 1e-12);
    // A fitted map is right on the whole, and better than always saying the share of right ones.
    assert!(
        found.error < 0.01 && found.brier < right * (1.0 - right),
        "{found:?}"
    );
    let overconfident = Calibration {
        slope: 4.0 * map.slope,
        offset: 4.0 * map.offset,
    };
    let worse = overconfident.reliability(&answers).expect("answers");
    assert!(worse.brier > found.brier);
}

#[test]
fn what_says_nothing_gives_no_map() {
    assert_eq!(Calibration::fit(&[]), None);
    assert_eq!(Calibration::fit(&[(0.5, true), (0.2, true)]), None);
    assert_eq!(Calibration::fit(&[(0.5, true), (0.5, false)]), None);
    // Scores that fall with the truth.
    assert_eq!(
        Calibration::fit(&[(0.1, true), (0.9, false), (0.2, true)]),
        None
    );
    assert_eq!(Calibration::fit(&[(f32::NAN, true), (0.9, false)]), None);
    let map = Calibration::fit(&[(0.9, true), (0.1, false)]).expect("a map");
    assert!(map.reliability(&[]).is_none());
}
