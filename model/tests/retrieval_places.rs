//! Places found without sorting against sorted rankings, on scores full of ties.

use dcac_model::retrieval::{
    Found, Gallery, JUNK, Label, Metrics, RetrievalError, nearest, rank, rank_gallery,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a whole sorted ranking says.
fn sorted(scores: &[f32], query: Label, labels: &[Label]) -> Option<(usize, f64, f64)> {
    let hits = rank_gallery(scores, query, labels).expect("finite scores");
    let places: Vec<usize> = (1..)
        .zip(&hits)
        .filter_map(|(place, hit)| hit.right.then_some(place))
        .collect();
    let count = places.len() as f64;
    let precisions = (1..)
        .zip(&places)
        .map(|(hit, &place)| f64::from(hit) / place as f64);
    Some((
        *places.first()?,
        precisions.sum::<f64>() / count,
        count / *places.last()? as f64,
    ))
}

fn check(scores: &[f32], query: Label, labels: &[Label]) {
    let expected = sorted(scores, query, labels);
    let found = Gallery::new(labels)
        .measure(query, &mut scores.to_vec())
        .expect("finite scores");
    match (found, expected) {
        (None, None) => {}
        (Some(found), Some((first, precision, penalty))) => {
            assert_eq!(found.first, first);
            assert!((found.average_precision - precision).abs() < 1e-12);
            assert_eq!(found.inverse_penalty, penalty);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_equal_those_of_a_sorted_ranking() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // Few identities give more matches than are compared one by one, many give none.
    for (size, identities, steps) in [
        (1, 1, 3),
        (7, 2, 2),
        (300, 40, 9),
        (1000, 2, 5),
        (1000, 3, 1_000_000),
        (9000, 60, 40),
        (9000, 900, 1),
    ] {
        for _ in 0..20 {
            let mut label = |low: i32| Label {
                identity: rng.random_range(low..identities),
                camera: rng.random_range(1..4),
            };
            let labels: Vec<Label> = (0..size).map(|_| label(JUNK)).collect();
            let query = label(0);
            let scores: Vec<f32> = (0..size)
                .map(|_| rng.random_range(-steps..=steps) as f32 / steps as f32)
                .collect();
            check(&scores, query, &labels);
        }
    }
}

#[test]
fn zeros_of_both_signs_are_equal() {
    let label = |identity| Label {
        identity,
        camera: 2,
    };
    let query = Label {
        identity: 1,
        camera: 1,
    };
    let labels = [label(2), label(1), label(3)];
    check(&[-0.0, 0.0, 0.0], query, &labels);
    check(&[0.0, -0.0, 0.0], query, &labels);
    let many: Vec<Label> = (0..400).map(|index| label(index % 2)).collect();
    let signs: Vec<f32> = (0..400)
        .map(|i| if i % 3 == 0 { -0.0 } else { 0.0 })
        .collect();
    check(&signs, query, &many);
}

#[test]
fn scores_that_are_not_finite_are_refused() {
    let labels = [Label {
        identity: 1,
        camera: 2,
    }; 3];
    let query = Label {
        identity: 1,
        camera: 1,
    };
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = Gallery::new(&labels).measure(query, &mut [0.0, broken, 1.0]);
        assert_eq!(found, Err(RetrievalError::NotANumber(1)));
    }
    assert!(Gallery::new(&labels).measure(query, &mut [0.0]).is_err());
}

#[test]
fn the_cmc_covers_the_ranks_that_are_asked_for() {
    let found = |first| {
        Some(Found {
            first,
            average_precision: 0.5,
            inverse_penalty: 0.25,
            chance_rank1: 0.1,
            chance_average_precision: 0.2,
        })
    };
    let all = [found(1), None, found(3), found(9)];
    let metrics = Metrics::of(&all, 50, 5).expect("measured queries");
    let third = 1.0 / 3.0;
    assert_eq!(
        metrics.cmc,
        [third, third, 2.0 * third, 2.0 * third, 2.0 * third]
    );
    assert_eq!((metrics.queries, metrics.skipped), (3, 1));
    assert_eq!(
        Metrics::of(&[None], 50, 5),
        Err(RetrievalError::NoMatches(1))
    );
}

#[test]
fn the_nearest_are_the_start_of_the_ranking() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for size in [0, 1, 5, 63, 64, 1000] {
        for steps in [2, 1000] {
            let scores: Vec<f32> = (0..size)
                .map(|_| rng.random_range(-steps..=steps) as f32)
                .collect();
            let order = rank(&scores).expect("finite");
            for count in [0, 1, 6, 21, 100] {
                let expected: Vec<u32> = order.iter().take(count).map(|&i| i as u32).collect();
                assert_eq!(nearest(&scores, count), expected);
            }
        }
    }
}
