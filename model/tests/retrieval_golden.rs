//! Ranking and metrics against a plain NumPy evaluation
//! (`tests/golden/make_retrieval.py`).

use dcac_model::retrieval::{Label, Metrics, RetrievalError, cosine_scores, evaluate, rank};
use safetensors::SafeTensors;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/golden/retrieval.safetensors"
);

/// One stored evaluation.
struct Case {
    dim: usize,
    query: Vec<f32>,
    gallery: Vec<f32>,
    query_labels: Vec<Label>,
    gallery_labels: Vec<Label>,
    scores: Vec<f64>,
    metrics: Vec<f64>,
    counts: Vec<i64>,
}

fn words<const N: usize, T>(
    tensors: &SafeTensors,
    name: &str,
    from: impl Fn([u8; N]) -> T,
) -> Vec<T> {
    let view = tensors.tensor(name).expect(name);
    let (chunks, _) = view.data().as_chunks();
    chunks.iter().map(|&chunk| from(chunk)).collect()
}

fn labels(tensors: &SafeTensors, name: &str) -> Vec<Label> {
    let values = words(tensors, name, i64::from_le_bytes);
    let (pairs, _) = values.as_chunks();
    let label = |&[identity, camera]: &[i64; 2]| Label {
        identity: identity as i32,
        camera: camera as u32,
    };
    pairs.iter().map(label).collect()
}

fn case(tensors: &SafeTensors, n: usize) -> Case {
    let name = |part: &str| format!("{n}.{part}");
    let view = tensors.tensor(&name("query")).expect("query");
    Case {
        dim: view.shape()[1],
        query: words(tensors, &name("query"), f32::from_le_bytes),
        gallery: words(tensors, &name("gallery"), f32::from_le_bytes),
        query_labels: labels(tensors, &name("query_labels")),
        gallery_labels: labels(tensors, &name("gallery_labels")),
        scores: words(tensors, &name("scores"), f64::from_le_bytes),
        metrics: words(tensors, &name("metrics"), f64::from_le_bytes),
        counts: words(tensors, &name("counts"), i64::from_le_bytes),
    }
}

fn cases() -> Vec<Case> {
    let bytes = std::fs::read(GOLDEN).expect(GOLDEN);
    let tensors = SafeTensors::deserialize(&bytes).expect(GOLDEN);
    let exists = |n: &usize| tensors.tensor(&format!("{n}.query")).is_ok();
    let numbers = (0..).take_while(exists);
    numbers.map(|n| case(&tensors, n)).collect()
}

impl Case {
    fn evaluate(&self) -> Result<Metrics, RetrievalError> {
        evaluate(
            &self.query,
            &self.query_labels,
            &self.gallery,
            &self.gallery_labels,
            self.dim,
        )
    }
}

#[test]
fn metrics_equal_numpy() {
    let cases = cases();
    assert!(cases.len() >= 8);
    for (n, case) in cases.iter().enumerate() {
        let found = case.evaluate().expect("metrics");
        let counts = [found.queries, found.skipped, found.gallery];
        assert_eq!(counts.map(|c| c as i64), case.counts[..], "case {n}");
        let rest = [found.map, found.minp, found.chance_rank1, found.chance_map];
        let values: Vec<f64> = found.cmc.iter().copied().chain(rest).collect();
        assert_eq!(values.len(), case.metrics.len());
        for (index, (a, b)) in values.iter().zip(&case.metrics).enumerate() {
            assert!((a - b).abs() < 1e-12, "case {n}, metric {index}: {a} {b}");
        }
    }
}

#[test]
fn scores_equal_numpy() {
    for (n, case) in cases().iter().enumerate() {
        let queries = case.query.chunks_exact(case.dim);
        let found: Vec<f32> = queries
            .flat_map(|query| cosine_scores(query, &case.gallery))
            .collect();
        assert_eq!(found.len(), case.scores.len());
        for (a, b) in found.iter().zip(&case.scores) {
            assert!((f64::from(*a) - b).abs() < 1e-6, "case {n}: {a} {b}");
        }
    }
}

#[test]
fn chance_equals_the_mean_over_every_placement() {
    let bytes = std::fs::read(GOLDEN).expect(GOLDEN);
    let tensors = SafeTensors::deserialize(&bytes).expect(GOLDEN);
    let pairs = words(&tensors, "chance.cases", i64::from_le_bytes);
    let expected = words(&tensors, "chance.expected", f64::from_le_bytes);
    let (pairs, _) = pairs.as_chunks();
    assert_eq!(pairs.len(), 36);
    for (&[matches, items], expected) in pairs.iter().zip(expected) {
        let label = |n| Label {
            identity: if n < matches { 1 } else { 2 },
            camera: 2,
        };
        let labels: Vec<Label> = (0..items).map(label).collect();
        let query = Label {
            identity: 1,
            camera: 1,
        };
        let metrics = evaluate(&[1.0], &[query], &vec![1.0; labels.len()], &labels, 1);
        let found = metrics.expect("a match").chance_map;
        assert!((found - expected).abs() < 1e-12, "{matches} of {items}");
    }
}

#[test]
fn ranking_is_stable_and_refuses_nan() {
    assert_eq!(
        rank(&[0.5, -1.0, 0.5, 2.0, -0.0, 0.0]),
        Ok(vec![3, 0, 2, 4, 5, 1])
    );
    assert_eq!(rank(&[]), Ok(vec![]));
    assert_eq!(rank(&[0.0, f32::NAN]), Err(RetrievalError::NotANumber(1)));
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let label = |identity, camera| Label { identity, camera };
    let one = [1.0, 0.0];
    let evaluate_one =
        |gallery: &[f32], other| evaluate(&one, &[label(1, 1)], gallery, &[other], 2);
    assert!(evaluate_one(&one, label(1, 2)).is_ok());
    // Same camera, another identity, and junk leave no match.
    for other in [label(1, 1), label(2, 2), label(-1, 2)] {
        let error = evaluate_one(&one, other);
        assert!(
            matches!(error, Err(RetrievalError::NoMatches(1))),
            "{error:?}"
        );
    }
    assert!(matches!(
        evaluate_one(&[1.0], label(1, 2)),
        Err(RetrievalError::Shape {
            what: "gallery",
            numbers: 1,
            labels: 1,
            dim: 2,
        })
    ));
    assert_eq!(
        evaluate_one(&[f32::NAN, 0.0], label(1, 2)),
        Err(RetrievalError::NotANumber(0))
    );
    assert!(matches!(
        evaluate(&[], &[], &[], &[], 0),
        Err(RetrievalError::Shape { dim: 0, .. })
    ));
}
