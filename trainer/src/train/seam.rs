//! Where the replicas' parts of a step meet: before the neck.
//!
//! Each replica embeds its own rows. The neck normalises with the statistics of the whole
//! batch, so every replica gets the embeddings of all rows, runs the cheap head on all of
//! them, and takes the losses of its own rows. Its backward pass ends at the embeddings; the
//! sum over replicas of what arrives there is the gradient of the whole loss, and goes on
//! through the encoder row by row. With one replica the two graphs are one.

use std::ops::Range;

use anyhow::{Result, anyhow};
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use dcac_model::dcac::Dcac;

use super::gradients;
use crate::device::numbers;
use crate::parallel::Group;

/// The embeddings of a batch, on both sides of the seam.
pub struct Seam<B: AutodiffBackend> {
    /// Of this replica's rows, `[b, d]`, at the end of the encoder's graph.
    own: Tensor<B, 2>,
    /// Which rows.
    rows: Range<usize>,
    /// Of all rows, `[B, d]`, at the start of the head's graph; none if `own` is all.
    leaf: Option<Tensor<B, 2>>,
}

impl<B: AutodiffBackend> Seam<B> {
    /// Exchanges embeddings with all replicas.
    pub fn join(own: Tensor<B, 2>, rows: &Range<usize>, group: &Group) -> Result<Self> {
        let rows = rows.clone();
        if group.size() == 1 {
            return Ok(Self {
                own,
                rows,
                leaf: None,
            });
        }
        let leaf = Some(gather(own.clone().inner(), group)?);
        Ok(Self { own, rows, leaf })
    }

    /// What the head starts from, `[B, d]`.
    pub fn whole(&self) -> Tensor<B, 2> {
        self.leaf.as_ref().unwrap_or(&self.own).clone()
    }

    /// Gradients of the sum of all replicas' losses.
    pub fn backward(
        self,
        loss: Tensor<B, 1>,
        model: &Dcac<B>,
        group: &Group,
    ) -> Result<GradientsParams> {
        let mut found = loss.backward();
        let Some(leaf) = self.leaf else {
            return Ok(GradientsParams::from_grads(found, model));
        };
        let slope = (leaf.grad_remove(&mut found))
            .ok_or_else(|| anyhow!("the losses do not depend on the embeddings"))?;
        let head = GradientsParams::from_grads(found, model);
        let slope = Tensor::from_inner(total(slope, group)?.slice([self.rows]));
        // Its gradient with respect to the embeddings is the slope.
        let found = (self.own * slope).sum().backward();
        let encoder = GradientsParams::from_grads(found, model);
        gradients::sum([head, encoder], model, group)
    }
}

/// The embeddings of all rows `[B, d]`, at the start of a graph, of this replica's `[b, d]`.
pub fn gather<B: AutodiffBackend>(
    own: Tensor<B::InnerBackend, 2>,
    group: &Group,
) -> Result<Tensor<B, 2>> {
    if group.size() == 1 {
        return Ok(Tensor::from_inner(own).require_grad());
    }
    let ([_, width], device, dtype) = (own.dims(), own.device(), own.dtype());
    let all = group.join(numbers(own)?)?;
    let rows = all.len() / width;
    let leaf = Tensor::<B, 2>::from_data(TensorData::new(all, [rows, width]), &device);
    Ok(leaf.cast(dtype).detach().require_grad())
}

/// The sum over replicas.
pub fn total<B: Backend>(slope: Tensor<B, 2>, group: &Group) -> Result<Tensor<B, 2>> {
    if group.size() == 1 {
        return Ok(slope);
    }
    let (shape, dtype, device) = (slope.dims(), slope.dtype(), slope.device());
    let sums = TensorData::new(group.sum(numbers(slope)?)?, shape);
    Ok(Tensor::<B, 2>::from_data(sums, &device).cast(dtype))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::thread;

    use burn::backend::{Autodiff, Flex};
    use burn::module::AutodiffModule;
    use dcac_model::loss::PrototypeMemory;
    use dcac_model::weights::{Values, values};

    use super::*;
    use crate::config::RunConfig;
    use crate::data::TrainBatch;
    use crate::parallel::Meeting;
    use crate::random;
    use crate::train::cost::Costs;
    use crate::train::step::Trainer;

    type B = Autodiff<Flex>;

    /// Losses, weights and memory of a replica after some steps.
    struct After {
        losses: Vec<f32>,
        weights: BTreeMap<String, Vec<f32>>,
        memory: Vec<f32>,
    }

    /// Steps on drawn pixels, on every replica.
    fn train(config: &RunConfig, model: &Dcac<B>, replicas: usize) -> Result<Vec<After>> {
        let meeting = Arc::new(Meeting::new(replicas, None));
        thread::scope(|scope| {
            let threads: Vec<_> = (0..replicas)
                .map(|replica| {
                    let group = Group::member(&meeting, replica);
                    let model = model.clone();
                    scope.spawn(move || replica_steps(config, model, group))
                })
                .collect();
            let panicked = |_| Err(anyhow!("a replica has panicked"));
            (threads.into_iter())
                .map(|thread| thread.join().unwrap_or_else(panicked))
                .collect()
        })
    }

    fn replica_steps(config: &RunConfig, model: Dcac<B>, group: Group) -> Result<After> {
        let vit = &config.model.encoder.vit;
        let (size, count) = (3 * vit.height * vit.width, 16);
        let labels: Vec<usize> = (0..count).map(|place| place / 4).collect();
        let rows = group.share(count);
        let mut trainer = Trainer::new(config, model, group, &Default::default());
        let drawn = random::normals(&mut random::stream(1, "memory", 0), 4 * vit.embedding);
        trainer.memory = PrototypeMemory::from_features(&drawn, vit.embedding, &[0, 1, 2, 3], 4)?;
        let mut losses = Vec::new();
        for step in 1..=3 {
            let pixels = random::normals(&mut random::stream(1, "pixels", step), count * size);
            let batch = TrainBatch {
                indices: (0..count).collect(),
                labels: labels.clone(),
                cameras: vec![0; count],
                rows: rows.clone(),
                pixels: pixels[rows.start * size..rows.end * size].to_vec(),
            };
            let metrics = trainer.step(&batch, None, step, 1e-4, &mut Costs::default())?;
            losses.push(metrics.loss);
        }
        let read = |tensor: Values| {
            let numbers = (tensor.read)().map_err(|error| anyhow!(error))?;
            Ok((tensor.name, numbers))
        };
        Ok(After {
            losses,
            weights: (values(&trainer.inference_model()).into_iter())
                .map(read)
                .collect::<Result<_>>()?,
            memory: trainer.memory.as_slice().to_vec(),
        })
    }

    #[test]
    fn replicas_stay_equal_and_follow_the_losses_of_one() -> Result<()> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/small.toml");
        let config = RunConfig::read(Path::new(path), &["diffusion.enabled=false".to_string()])?;
        <B as Backend>::seed(&Default::default(), 3);
        let model = Dcac::<B>::new(&config.model, 4, &Default::default());
        // Weights are drawn when they are first looked at: so before they are copied.
        drop(model.valid());
        let alone = train(&config, &model, 1)?;
        for replicas in [2, 4] {
            let together = train(&config, &model, replicas)?;
            let first = &together[0];
            for other in &together {
                assert_eq!(other.losses, first.losses);
                for (name, numbers) in &other.weights {
                    assert_eq!(
                        numbers, &first.weights[name],
                        "{name} of {replicas} replicas"
                    );
                }
                assert_eq!(other.memory, first.memory);
            }
            for (loss, expected) in together[0].losses.iter().zip(&alone[0].losses) {
                let difference = (loss - expected).abs() / expected;
                assert!(
                    difference < 1e-5,
                    "{replicas} replicas: {loss} for {expected}"
                );
            }
        }
        Ok(())
    }
}
