//! Which training identities a picture reminds a model of, against the model's own classifier.

mod common;

use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::softmax;
use common::{Cpu, tiny};
use dcac_model::condition::Scheme;
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::FineTune;
use dcac_model::retrieval::{RetrievalError, reminds};
use dcac_model::weights::values;

const IDENTITIES: usize = 9;

fn numbers<const D: usize>(tensor: Tensor<Cpu, D>) -> Vec<f32> {
    tensor.into_data().to_vec().unwrap()
}

#[test]
fn they_are_those_that_the_classifier_names() {
    let device = Default::default();
    let config = tiny(FineTune::Lora, Scheme::Correlation);
    let model = Dcac::<Cpu>::new(&config, IDENTITIES, &device);
    let images = Tensor::random([5, 3, 32, 16], Distribution::Normal(0.0, 1.0), &device);
    let features = model.encoder.features(images.clone());
    assert_eq!(
        numbers(model.encoder.embed(images)),
        numbers(features.embedding)
    );
    // Weights as they begin would make all identities alike.
    let weights = &values(&model.classifier)[0];
    assert_eq!(weights.shape, [IDENTITIES, 12]);
    let weights: Vec<f32> = (weights.read)().unwrap();
    let neck = features.neck * 1000.0;
    let logits = model.classifier.forward(neck.clone());
    let expected = numbers(softmax(logits, 1));
    for (neck, expected) in numbers(neck).chunks(12).zip(expected.chunks(IDENTITIES)) {
        let found = reminds(neck, &weights, 4).unwrap();
        let mut order: Vec<usize> = (0..IDENTITIES).collect();
        order.sort_by(|&a, &b| expected[b].total_cmp(&expected[a]));
        assert!(expected[order[0]] > 1.5 / IDENTITIES as f32);
        assert_eq!(found.len(), 4);
        for (&(label, probability), &other) in found.iter().zip(&order) {
            assert_eq!(label, other);
            assert!((probability - expected[label]).abs() < 1e-5);
        }
    }
}

#[test]
fn probabilities_add_up_to_one() {
    let classifier = [1.0, 0.0, 0.0, 1.0, -1.0, -1.0, 0.0, 1.0];
    let all = reminds(&[2.0, 1.0], &classifier, 99).unwrap();
    let labels: Vec<usize> = all.iter().map(|&(label, _)| label).collect();
    assert_eq!(labels, [0, 1, 3, 2], "of equal ones the first");
    let sum: f32 = all.iter().map(|&(_, probability)| probability).sum();
    assert!((sum - 1.0).abs() < 1e-6);
    assert!((all[0].1 / all[1].1 - 1.0_f32.exp()).abs() < 1e-5);
    // Logits that overflow an exponential.
    let far = reminds(&[2000.0, 1000.0], &classifier, 2).unwrap();
    assert_eq!(far, [(0, 1.0), (1, 0.0)]);
    assert_eq!(reminds(&[2.0, 1.0], &[], 3), Ok(Vec::new()));
}

#[test]
fn weights_of_another_model() {
    for (neck, classifier) in [(&[1.0, 2.0][..], &[1.0, 2.0, 3.0][..]), (&[], &[1.0])] {
        let error = reminds(neck, classifier, 3);
        assert!(matches!(error, Err(RetrievalError::Shape { .. })));
    }
    let error = reminds(&[f32::NAN, 1.0], &[1.0, 2.0], 3);
    assert_eq!(error, Err(RetrievalError::NotANumber(0)));
    let error = reminds(&[1.0, 1.0], &[1.0, 2.0, f32::NAN, 0.0], 3);
    assert_eq!(error, Err(RetrievalError::BrokenEmbedding(1)));
}
