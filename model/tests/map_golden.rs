//! Principal axes against NumPy (`tests/golden/make_map.py`), and maps of few, equal, far and
//! grouped embeddings.

mod common;

use common::golden::Golden;
use dcac_model::retrieval::{Map, Projection, RetrievalError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn finished(rows: &[f32], dim: usize, perplexity: f64) -> Map {
    let mut map = Map::new(rows, dim, perplexity).expect("a map");
    let mut before = map.progress();
    for _ in 0..10_000 {
        if map.done() {
            assert_eq!(map.progress(), 1.0);
            let positions = map.positions();
            assert!(positions.iter().flatten().all(|value| value.is_finite()));
            assert_eq!(positions.len(), rows.len() / dim);
            return map;
        }
        map.step();
        assert!(map.progress() > before);
        before = map.progress();
    }
    panic!("it does not end");
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Rows around centres of length 1, group after group.
fn groups(count: usize, of: usize, dim: usize, noise: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut rows = Vec::new();
    for group in 0..count {
        for _ in 0..of {
            rows.extend((0..dim).map(|place| {
                let centre = if place == group { 1.0 } else { 0.0 };
                centre + noise * rng.random_range(-1.0..1.0)
            }));
        }
    }
    rows
}

#[test]
fn principal_axes_are_those_of_numpy() {
    let golden = Golden::open("map");
    for number in 0..3 {
        let get = |name: &str| golden.doubles(&format!("plane.{number}.{name}"));
        let rows = golden.floats(&format!("plane.{number}.rows"));
        let axes = get("axes");
        let dim = axes.len() / 2;
        let plane = Projection::fit(&rows, dim).expect("a plane");
        let found: Vec<f64> = plane.axes().concat();
        for (found, expected) in found.iter().zip(&axes) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{number}: {found} for {expected}"
            );
        }
        for (row, expected) in rows.chunks(dim).zip(get("points").chunks(2)) {
            for (found, expected) in plane.apply(row).into_iter().zip(expected) {
                let found = f64::from(found);
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{number}: {found} for {expected}"
                );
            }
        }
        for (found, expected) in plane.explained().iter().zip(get("explained")) {
            assert!(
                (found - expected).abs() < 1e-9,
                "{number}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn axes_of_what_fills_no_plane() {
    // Along a line: one axis.
    let line: Vec<f32> = (0..9)
        .flat_map(|k| [k as f32, -2.0 * k as f32, 1.0])
        .collect();
    let plane = Projection::fit(&line, 3).expect("a line");
    let root = 5.0_f64.sqrt();
    for (found, expected) in plane.axes()[0].iter().zip([-1.0 / root, 2.0 / root, 0.0]) {
        assert!((found - expected).abs() < 1e-9);
    }
    assert_eq!(plane.axes()[1], [0.0; 3]);
    assert!((plane.explained()[0] - 1.0).abs() < 1e-9 && plane.explained()[1] == 0.0);
    // Equal rows, one, none: no axis.
    for rows in [&[0.3, 0.7, 0.1, 0.3, 0.7, 0.1][..], &[0.3, 0.7, 0.1], &[]] {
        let plane = Projection::fit(rows, 3).expect("no axis");
        assert_eq!(plane.axes(), [&[0.0; 3]; 2]);
        assert_eq!(plane.explained(), [0.0; 2]);
    }
    // As far from each other as three can be: two equal eigenvalues.
    let corners = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let plane = Projection::fit(&corners, 3).expect("a plane");
    let points: Vec<_> = corners.chunks(3).map(|row| plane.apply(row)).collect();
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        assert!((distance(points[a], points[b]) - 2.0_f32.sqrt()).abs() < 1e-6);
    }
}

#[test]
fn three_groups_stay_apart() {
    const OF: usize = 40;
    let rows = groups(3, OF, 32, 0.3);
    let map = finished(&rows, 32, 15.0);
    let positions = map.positions();
    for (index, &point) in positions.iter().enumerate() {
        let mean = |group: usize| {
            let others = (group * OF..(group + 1) * OF).filter(|&other| other != index);
            let distances: Vec<f32> = others
                .map(|other| distance(point, positions[other]))
                .collect();
            distances.iter().sum::<f32>() / distances.len() as f32
        };
        let own = index / OF;
        for other in (0..3).filter(|&group| group != own) {
            assert!(
                2.0 * mean(own) < mean(other),
                "{index}: {} within, {} to group {other}",
                mean(own),
                mean(other)
            );
        }
    }
    // Points of one group are parted too.
    let nearest = |a: usize| {
        let others = (0..OF).filter(|&b| b != a);
        others
            .map(|b| distance(positions[a], positions[b]))
            .fold(f32::INFINITY, f32::min)
    };
    assert!((0..OF).all(|a| nearest(a) > 1e-3));
}

#[test]
fn moves_lower_the_divergence_and_are_the_same_every_time() {
    let rows = groups(5, 12, 24, 0.5);
    let map = finished(&rows, 24, 8.0);
    let mut begun = Map::new(&rows, 24, 8.0).expect("a map");
    assert_eq!(begun.divergence(), None);
    while begun.divergence().is_none() {
        begun.step();
    }
    let (before, after) = (begun.divergence(), map.divergence());
    assert!(
        after < before.map(|before| 0.7 * before),
        "{before:?} {after:?}"
    );
    assert_eq!(map.positions(), finished(&rows, 24, 8.0).positions());
}

#[test]
fn few_rows_and_equal_ones() {
    assert!(finished(&[], 4, 30.0).positions().is_empty());
    assert_eq!(finished(&[0.1, 0.2], 2, 30.0).positions(), [[0.0; 2]]);
    // Two and three lie as they are.
    let two = finished(&[0.0, 1.0, 1.0, 0.0], 2, 30.0);
    assert!(distance(two.positions()[0], two.positions()[1]) > 0.0);
    let three = finished(&[0.0, 0.0, 3.0, 0.0, 0.0, 4.0], 2, 30.0);
    let at = three.positions();
    let (short, long) = (distance(at[0], at[1]), distance(at[1], at[2]));
    assert!((long / short - 5.0 / 3.0).abs() < 1e-5);

    let equal = finished(&[0.5; 24], 3, 30.0);
    assert_eq!(equal.positions(), [[0.0; 2]; 8]);
    // Copies of a picture lie on each other, and far more of them than neighbours count.
    let mut rows = groups(2, 10, 8, 0.4);
    for _ in 0..20 {
        rows.extend_from_within(..8);
    }
    let copies = finished(&rows, 8, 4.0);
    let at = copies.positions();
    let extent = at.iter().map(|&p| distance(p, at[0])).fold(0.0, f32::max);
    assert!((20..40).all(|copy| distance(at[copy], at[0]) < 0.2 * extent));

    for count in 4..12 {
        let rows = groups(1, count, 6, 0.5);
        for perplexity in [0.0, 1.0, 1e9, f64::INFINITY, f64::NAN] {
            let map = finished(&rows, 6, perplexity);
            let at = map.positions();
            let extent = at.iter().map(|&p| distance(p, at[0])).fold(0.0, f32::max);
            assert!(extent < 1e4, "{count}, {perplexity}: {extent}");
        }
    }
}

#[test]
fn numbers_that_are_no_embeddings() {
    for broken in [f32::NAN, f32::INFINITY] {
        let rows = [0.1, 0.2, 0.3, broken];
        let error = Some(RetrievalError::BrokenEmbedding(1));
        assert_eq!(Map::new(&rows, 2, 30.0).err(), error);
        assert_eq!(Projection::fit(&rows, 2).err(), error);
    }
    for dim in [0, 3] {
        let error = Map::new(&[0.1, 0.2, 0.3, 0.4], dim, 30.0).err();
        assert!(
            matches!(error, Some(RetrievalError::Shape { .. })),
            "{error:?}"
        );
    }
}
