//! Probabilities, divergence and gradient against scikit-learn (`tests/golden/make_map.py`).

use safetensors::SafeTensors;

use super::*;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/golden/map.safetensors"
);

/// One stored set.
struct Case {
    affinities: Affinities,
    layout: Vec<[f32; 2]>,
    joint: Vec<f64>,
    gradient: Vec<f64>,
    divergence: f64,
}

impl Case {
    fn read(file: &SafeTensors, number: usize) -> Self {
        let view = |name: &str| file.tensor(&format!("tsne.{number}.{name}")).expect(name);
        let doubles = |name: &str| -> Vec<f64> {
            let (words, _) = view(name).data().as_chunks();
            words.iter().map(|&word| f64::from_le_bytes(word)).collect()
        };
        let floats = |name: &str| -> Vec<f32> {
            let (words, _) = view(name).data().as_chunks();
            words.iter().map(|&word| f32::from_le_bytes(word)).collect()
        };
        let dim = view("rows").shape()[1];
        let mut affinities = Affinities::new(&floats("rows"), dim, doubles("perplexity")[0]);
        let layout: Vec<[f32; 2]> = floats("layout").as_chunks().0.to_vec();
        // As in a worker, a few at a time.
        while affinities.found() < layout.len() {
            affinities.find(7);
        }
        Self {
            affinities,
            layout,
            joint: doubles("joint"),
            gradient: doubles("gradient"),
            divergence: doubles("divergence")[0],
        }
    }
}

fn cases() -> Vec<Case> {
    let bytes = std::fs::read(GOLDEN).expect(GOLDEN);
    let file = SafeTensors::deserialize(&bytes).expect(GOLDEN);
    (0..3).map(|number| Case::read(&file, number)).collect()
}

/// `max|a - b| / max|b|`.
fn relative(found: impl Iterator<Item = f32>, expected: &[f64]) -> f64 {
    let found: Vec<f64> = found.map(f64::from).collect();
    assert_eq!(found.len(), expected.len());
    let largest = |numbers: &mut dyn Iterator<Item = f64>| {
        numbers.fold(0.0, |most: f64, number| {
            assert!(number.is_finite());
            most.max(number.abs())
        })
    };
    let error = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    error / largest(&mut expected.iter().copied())
}

#[test]
fn probabilities_are_those_of_scikit_learn() {
    for (number, case) in cases().iter().enumerate() {
        let joint = case.affinities.joint();
        let error = relative(joint.iter().copied(), &case.joint);
        assert!(error < 1e-4, "{number}: {error:e}");
        let sum: f32 = joint.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{number}: {sum}");
    }
}

#[test]
fn divergence_and_gradient_are_those_of_scikit_learn() {
    for (number, case) in cases().iter().enumerate() {
        // Its probabilities, so that the difference of those does not count again.
        let joint: Vec<f32> = case.joint.iter().map(|&p| p as f32).collect();
        let found = divergence(&joint, &case.layout);
        let error = (found - case.divergence).abs() / case.divergence;
        assert!(error < 1e-5, "{number}: divergence {error:e}");
        let found = forces(&joint, &case.layout, 1.0);
        let error = relative(found.into_iter().flatten(), &case.gradient);
        assert!(error < 1e-5, "{number}: gradient {error:e}");
    }
}
