//! A batch whose rows are computed apart gives the losses and gradients of the whole.
#![cfg(feature = "training")]

mod common;

use std::ops::Range;

use burn::optim::GradientsParams;
use burn::prelude::*;
use common::parameters::{ByName, gradients, largest};
use common::{Train, batch, tiny};
use dcac_model::condition::{Scheme, Transform};
use dcac_model::dcac::{Batch, Dcac, DcacConfig, Embedded, NoisedLatents, StepOutput};
use dcac_model::diffusion::{FineTune, NoiseSchedule};

const IDENTITIES: usize = 6;

fn rows_of(latents: &NoisedLatents<Train>, rows: &Range<usize>) -> NoisedLatents<Train> {
    let all = NoisedLatents {
        clean: latents.clean.clone(),
        noise: latents.noise.clone(),
        timesteps: latents.timesteps.clone(),
    };
    all.rows(rows)
}

fn add(sum: &mut ByName, part: ByName) {
    for (name, numbers) in part {
        match sum.get_mut(&name) {
            Some(sum) => sum
                .iter_mut()
                .zip(numbers)
                .for_each(|(sum, new)| *sum += new),
            None => drop(sum.insert(name, numbers)),
        }
    }
}

fn numbers(output: &StepOutput<Train>) -> Vec<f32> {
    let mut all = vec![&output.total, &output.identity, &output.contrastive];
    all.extend(&output.diffusion);
    all.push(&output.accuracy);
    all.into_iter()
        .map(|tensor| tensor.clone().into_scalar())
        .collect()
}

/// Losses and gradients of a batch in `shards` parts that only share embeddings and their
/// gradients.
fn apart(
    model: &Dcac<Train>,
    config: &DcacConfig,
    batch: &Batch<Train>,
    memory: &Tensor<Train, 2>,
    shards: usize,
) -> (Vec<f32>, ByName) {
    let schedule = NoiseSchedule::stable_diffusion();
    let size = batch.labels.dims()[0] / shards;
    let rows = |shard: usize| shard * size..(shard + 1) * size;
    let towers: Vec<Tensor<Train, 2>> = (0..shards)
        .map(|shard| model.embed(config, batch.images.clone().slice([rows(shard)]), None))
        .collect();
    let values: Vec<_> = towers.iter().map(|z| z.clone().inner()).collect();
    let values = Tensor::cat(values, 0);

    let (mut losses, mut found) = (vec![0.0; 5], ByName::new());
    let mut slope = values.zeros_like();
    for shard in 0..shards {
        let leaf = Tensor::<Train, 2>::from_inner(values.clone()).require_grad();
        let embedded = Embedded {
            embeddings: leaf.clone(),
            labels: batch.labels.clone(),
            rows: rows(shard),
            latents: (batch.latents.as_ref()).map(|latents| rows_of(latents, &rows(shard))),
        };
        let output = model.losses(config, &schedule, embedded, memory.clone());
        let parts = numbers(&output);
        losses.truncate(parts.len());
        losses
            .iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
        let grads = output.total.backward();
        slope = slope + leaf.grad(&grads).unwrap();
        add(
            &mut found,
            gradients(model, &GradientsParams::from_grads(grads, model)),
        );
    }
    for (shard, tower) in towers.into_iter().enumerate() {
        let own = Tensor::from_inner(slope.clone().slice([rows(shard)]));
        let grads = (tower * own).sum().backward();
        add(
            &mut found,
            gradients(model, &GradientsParams::from_grads(grads, model)),
        );
    }
    (losses, found)
}

fn check(config: &DcacConfig) {
    config.validate().unwrap();
    <Train as Backend>::seed(&Default::default(), 7);
    let model = Dcac::<Train>::new(config, IDENTITIES, &Default::default());
    let (images, memory) = batch(config, IDENTITIES);
    let copy = Batch {
        images: images.images.clone(),
        labels: images.labels.clone(),
        cameras: None,
        latents: images.latents.as_ref().map(|all| rows_of(all, &(0..8))),
    };
    let schedule = NoiseSchedule::stable_diffusion();
    let output = model.forward(config, &schedule, copy, memory.clone());
    let losses = numbers(&output);
    let whole = GradientsParams::from_grads(output.total.backward(), &model);
    let whole = gradients(&model, &whole);
    let steepest = whole.values().map(|g| largest(g)).fold(0.0, f32::max);
    let mut worst = (0.0, "");
    for shards in [1, 2, 4] {
        let (parts, found) = apart(&model, config, &images, &memory, shards);
        for (part, loss) in parts.iter().zip(&losses) {
            assert!(
                (part - loss).abs() <= 1e-5 * loss.abs().max(1.0),
                "{part} for {loss}"
            );
        }
        assert!(
            whole.keys().eq(found.keys()),
            "other parameters have gradients"
        );
        for (name, expected) in &whole {
            let difference = expected.iter().zip(&found[name]).map(|(a, b)| a - b);
            let difference = largest(&difference.collect::<Vec<f32>>());
            // A batch norm takes away what is common to all rows: gradients of biases before
            // it are sums that cancel to their rounding, which differs between processors.
            let error = difference / largest(expected).max(0.1 * steepest);
            assert!(error <= 1e-5, "{name} in {shards} shards: {error:e}");
            if error > worst.0 {
                worst = (error, name);
            }
        }
    }
    println!("worst sum of gradients {worst:?}");
}

#[test]
fn shards_of_dcac_add_up_to_the_batch() {
    check(&tiny(FineTune::Lora, Scheme::Correlation));
    check(&tiny(FineTune::Full, Scheme::Correlation));
}

#[test]
fn shards_add_up_where_the_condition_has_batch_norms() {
    for transform in [Transform::BatchNorm, Transform::ConditionNet] {
        let mut config = tiny(FineTune::Full, Scheme::Correlation);
        config.diffusion.as_mut().unwrap().condition.transform = transform;
        check(&config);
    }
}

#[test]
fn shards_of_the_baseline_add_up_to_the_batch() {
    let mut config = tiny(FineTune::Frozen, Scheme::Correlation);
    config.diffusion = None;
    check(&config);
}
