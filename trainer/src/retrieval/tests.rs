//! Against plain NumPy (`tests/golden/make_retrieval.py`, `make_evaluation.py`), and cases made
//! to break.

use anyhow::{Context, Result};
use dcac_model::retrieval::{Cameras, JUNK, Label, Rerank, rank};
use indicatif::ProgressBar;
use rand::Rng;
use safetensors::SafeTensors;

use super::measure::Measured;
use super::*;
use crate::random;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/");

/// One stored test set.
struct Case<'a> {
    tensors: &'a SafeTensors<'a>,
    number: usize,
    dim: usize,
    query: Vec<f32>,
    gallery: Vec<f32>,
    query_labels: Vec<Label>,
    gallery_labels: Vec<Label>,
}

impl<'a> Case<'a> {
    fn read(tensors: &'a SafeTensors<'a>, number: usize) -> Result<Self> {
        let f32s = |name: &str| -> Result<Vec<f32>> {
            let view = tensors.tensor(&format!("{number}.{name}"))?;
            let (words, _) = view.data().as_chunks();
            Ok(words.iter().map(|&word| f32::from_le_bytes(word)).collect())
        };
        let labels = |name: &str| -> Result<Vec<Label>> {
            let view = tensors.tensor(&format!("{number}.{name}"))?;
            let (words, _) = view.data().as_chunks();
            let numbers: Vec<i64> = words.iter().map(|&word| i64::from_le_bytes(word)).collect();
            let (pairs, _) = numbers.as_chunks();
            let label = |&[identity, camera]: &[i64; 2]| Label {
                identity: identity as i32,
                camera: camera as u32,
            };
            Ok(pairs.iter().map(label).collect())
        };
        Ok(Self {
            tensors,
            number,
            dim: tensors.tensor(&format!("{number}.query"))?.shape()[1],
            query: f32s("query")?,
            gallery: f32s("gallery")?,
            query_labels: labels("query_labels")?,
            gallery_labels: labels("gallery_labels")?,
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let view = self.tensors.tensor(&format!("{}.{name}", self.number))?;
        let (words, _) = view.data().as_chunks();
        Ok(words.iter().map(|&word| f64::from_le_bytes(word)).collect())
    }

    fn measure(&self, ask: &Measures) -> Result<Measured> {
        let (query, gallery) = (&self.query_labels, &self.gallery_labels);
        run(&self.query, query, &self.gallery, gallery, self.dim, ask)
    }
}

fn each_case(file: &str, mut check: impl FnMut(&Case) -> Result<()>) -> Result<usize> {
    let bytes = std::fs::read(format!("{GOLDEN}{file}"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let mut number = 0;
    while tensors.tensor(&format!("{number}.query")).is_ok() {
        check(&Case::read(&tensors, number)?).with_context(|| format!("case {number}"))?;
        number += 1;
    }
    Ok(number)
}

fn run(
    query: &[f32],
    query_labels: &[Label],
    gallery: &[f32],
    gallery_labels: &[Label],
    dim: usize,
    ask: &Measures,
) -> Result<Measured> {
    let query = Side {
        features: query,
        labels: query_labels,
    };
    let gallery = Side {
        features: gallery,
        labels: gallery_labels,
    };
    measure(query, gallery, dim, ask, &ProgressBar::hidden(), None)
}

fn plain() -> Measures {
    Measures {
        ranks: 20,
        fpr: Vec::new(),
        by_camera: false,
        memory: 1 << 20,
    }
}

fn close(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(a == b || (a - b).abs() <= within, "at {index}: {a} for {b}");
    }
}

#[test]
fn metrics_equal_numpy_in_any_block_size() -> Result<()> {
    let cases = each_case("retrieval.safetensors", |case| {
        let expected = case.numbers("metrics")?;
        // One row at a time, some, all.
        for memory in [1, 2000, 1 << 20] {
            let found = case.measure(&Measures { memory, ..plain() })?.metrics;
            let rest = [found.map, found.minp, found.chance_rank1, found.chance_map];
            let found: Vec<f64> = found.cmc.iter().copied().chain(rest).collect();
            close(&found, &expected, 1e-12);
        }
        Ok(())
    })?;
    assert!(cases >= 8);
    Ok(())
}

#[test]
fn roc_and_cameras_equal_numpy() -> Result<()> {
    let cases = each_case("evaluation.safetensors", |case| {
        let ask = Measures {
            fpr: case.numbers("roc.fpr")?,
            by_camera: true,
            ..plain()
        };
        let found = case.measure(&ask)?;
        let tpr: Vec<f64> = found.roc.iter().map(|point| point.tpr).collect();
        close(&tpr, &case.numbers("roc.tpr")?, 1e-12);
        let thresholds: Vec<f64> = (found.roc.iter())
            .map(|point| point.threshold.into())
            .collect();
        close(&thresholds, &case.numbers("roc.threshold")?, 1e-6);
        let cameras: Vec<f64> = (found.cameras.iter())
            .flat_map(|pair| {
                let numbers = [pair.query, pair.gallery, pair.queries as u32].map(f64::from);
                numbers.into_iter().chain([pair.rank1, pair.map])
            })
            .collect();
        close(&cameras, &case.numbers("cameras")?, 1e-12);
        Ok(())
    })?;
    assert_eq!(cases, 3);
    Ok(())
}

#[test]
fn re_ranking_equals_the_dense_procedure() -> Result<()> {
    let cases = each_case("evaluation.safetensors", |case| {
        for index in 0..5 {
            let settings = case.numbers(&format!("rerank.{index}.settings"))?;
            let ask = Rerank {
                k1: settings[0] as usize,
                k2: settings[1] as usize,
                lambda: settings[2] as f32,
            };
            let (query, gallery, dim) = (&case.query, &case.gallery, case.dim);
            let bar = ProgressBar::hidden();
            let reranked = rerank(query, gallery, dim, ask, 1 << 20, &bar)?;
            let found = each_row(query, gallery, dim, 1 << 20, &bar, |query, scores| {
                reranked.adjust(query, scores);
                Ok(scores
                    .iter()
                    .map(|&score| -f64::from(score))
                    .collect::<Vec<f64>>())
            })?;
            let found = found.concat();
            close(
                &found,
                &case.numbers(&format!("rerank.{index}.distances"))?,
                1e-5,
            );
        }
        Ok(())
    })?;
    assert_eq!(cases, 3);
    Ok(())
}

#[test]
fn expanded_queries_equal_numpy() -> Result<()> {
    each_case("evaluation.safetensors", |case| {
        for count in [1, 5] {
            let (query, gallery, dim) = (&case.query, &case.gallery, case.dim);
            let found = expand_queries(query, gallery, dim, count, 1 << 20)?;
            let found: Vec<f64> = found.into_iter().map(f64::from).collect();
            close(&found, &case.numbers(&format!("expanded.{count}"))?, 1e-6);
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn embeddings_normalised_by_camera_equal_numpy() -> Result<()> {
    each_case("evaluation.safetensors", |case| {
        let cameras = |labels: &[Label]| -> Vec<Option<u32>> {
            labels.iter().map(|label| Some(label.camera)).collect()
        };
        let (mut query, mut gallery) = (case.query.clone(), case.gallery.clone());
        let known = Cameras::even_out(&mut gallery, &cameras(&case.gallery_labels), case.dim)?;
        known.normalize(&mut query, &cameras(&case.query_labels))?;
        for (rows, name) in [(query, "query"), (gallery, "gallery")] {
            let rows: Vec<f64> = rows.into_iter().map(f64::from).collect();
            close(&rows, &case.numbers(&format!("normalized.{name}"))?, 1e-7);
        }
        Ok(())
    })?;
    Ok(())
}

/// Equal rows, wherever they stand and however many queries are multiplied at once, have
/// scores that are equal bit for bit: ties stay ties.
#[test]
fn equal_rows_have_equal_scores() -> Result<()> {
    let mut rng = random::stream(3, "duplicates", 0);
    for (dim, distinct, count) in [(7, 3, 50), (512, 40, 1111), (1280, 11, 333)] {
        let mut number = || rng.random_range(-1.0..1.0_f32);
        let rows: Vec<Vec<f32>> = (0..distinct)
            .map(|_| (0..dim).map(|_| number()).collect())
            .collect();
        let which: Vec<usize> = (0..count).map(|i| (i * i + i / 7) % distinct).collect();
        let gallery: Vec<f32> = which.iter().flat_map(|&row| rows[row].clone()).collect();
        for queries in [1, 2, 37, 300] {
            let query: Vec<f32> = rows.concat().repeat(queries)[..queries * dim].to_vec();
            let mut scores = vec![0.0; queries * count];
            product::scores(&query, &gallery, dim, &mut scores)?;
            for row in scores.chunks_exact(count) {
                let mut first = vec![None; distinct];
                for (&score, &which) in row.iter().zip(&which) {
                    assert_eq!(*first[which].get_or_insert(score), score);
                }
                // The image with the lower index comes first.
                let order = rank(row)?;
                let apart = |pair: &&[usize]| row[pair[0]] == row[pair[1]];
                assert!(order.windows(2).filter(apart).all(|pair| pair[0] < pair[1]));
            }
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_measured_is_refused_and_one_image_is_enough() -> Result<()> {
    let label = |identity, camera| Label { identity, camera };
    let one = [0.6, 0.8];
    let error = |gallery: &[f32], labels: &[Label]| {
        let found = run(&one, &[label(1, 1)], gallery, labels, 2, &plain());
        found.err().map(|error| format!("{error:#}"))
    };
    assert_eq!(error(&one, &[label(1, 2)]), None);
    let no_match = error(&one.repeat(2), &[label(JUNK, 2), label(JUNK, 3)]);
    assert!(no_match.is_some_and(|text| text.contains("none of the 1 queries")));
    let broken = error(&[f32::NAN, 0.0], &[label(1, 2)]);
    assert!(broken.is_some_and(|text| text.contains("not a finite number")));
    assert!(error(&one, &[label(1, 2), label(1, 3)]).is_some());
    assert!(error(&[], &[]).is_some());
    let greedy = Measures {
        fpr: vec![1.5],
        ..plain()
    };
    let found = run(&one, &[label(1, 1)], &one, &[label(1, 2)], 2, &greedy);
    assert!(found.is_err_and(|error| error.to_string().contains("1.5")));
    Ok(())
}
