//! A batch in parts, one after another (gradient accumulation).
//!
//! The neck's batch statistics couple all rows, so parts cannot simply be batches of their
//! own. All rows are embedded first, without a graph; then the losses of each part go back
//! to the embeddings, and from there each part's rows are embedded once more and go back
//! through the encoder. Losses and gradients are those of the whole batch; the graph of one
//! part is all that is held at a time, for one more forward of the encoder.

use std::ops::Range;
use std::time::Instant;

use anyhow::{Result, anyhow};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use dcac_model::dcac::{Embedded, NoisedLatents};

use super::cost::Costs;
use super::gradients;
use super::seam::{gather, total};
use super::step::{Pass, Trainer, losses};
use crate::data::TrainBatch;
use crate::device::numbers;

impl<B: AutodiffBackend> Trainer<B> {
    /// Forward and backward of a batch in `parts`.
    pub(super) fn pass_in_parts(
        &self,
        batch: &TrainBatch,
        latents: Option<&NoisedLatents<B>>,
        parts: usize,
        costs: &mut Costs,
    ) -> Result<Pass<B>> {
        let clock = Instant::now();
        let (model, config) = (self.inference_model(), self.config());
        let parts = split(&batch.rows, parts);
        let own = (parts.iter())
            .map(|rows| {
                let (images, cameras) = self.inputs::<B::InnerBackend>(batch, rows);
                model.embed(config, images, cameras)
            })
            .collect();
        let leaf = gather::<B>(Tensor::cat(own, 0), self.group())?;
        let mut clock = costs.stage("encode", clock);

        let mut sums: Option<Tensor<B::InnerBackend, 1>> = None;
        let mut found = GradientsAccumulator::new();
        let mut slope: Option<Tensor<B::InnerBackend, 2>> = None;
        let mut last = None;
        for rows in &parts {
            let embedded = Embedded {
                embeddings: leaf.clone(),
                labels: self.labels(batch),
                rows: rows.clone(),
                latents: latents.map(|latents| latents.clone().rows(rows)),
            };
            let output = self.losses(embedded);
            let of_part = losses(&output);
            sums = Some(match sums {
                Some(sums) => sums + of_part,
                None => of_part,
            });
            last = Some((output.features, output.neck));
            clock = costs.stage("losses", clock);

            let mut gradients = self.scaled(output.total).backward();
            let steepness = leaf.grad_remove(&mut gradients);
            let steepness =
                steepness.ok_or_else(|| anyhow!("the losses do not depend on the embeddings"))?;
            slope = Some(match slope {
                Some(slope) => slope + steepness,
                None => steepness,
            });
            found.accumulate(
                &self.model,
                GradientsParams::from_grads(gradients, &self.model),
            );
            clock = costs.stage("backward", clock);
        }
        let (Some((features, neck)), Some(slope), Some(sums)) = (last, slope, sums) else {
            return Err(anyhow!("a batch without rows"));
        };
        let slope = total(slope, self.group())?;
        for rows in &parts {
            let (images, cameras) = self.inputs::<B>(batch, rows);
            let own = self.model.embed(config, images, cameras);
            let slope = Tensor::from_inner(slope.clone().slice([rows.clone()]));
            let gradients = (own * slope).sum().backward();
            found.accumulate(
                &self.model,
                GradientsParams::from_grads(gradients, &self.model),
            );
        }
        let mut gradients = found.grads();
        if self.group().size() > 1 {
            let none = GradientsParams::new();
            gradients = gradients::sum([gradients, none], &self.model, self.group())?;
        }
        costs.stage("backward", clock);
        Ok(Pass {
            losses: self.group().sum(numbers(sums)?)?,
            features,
            neck,
            gradients,
        })
    }
}

/// Rows in parts of sizes that differ by one at most; never an empty part.
fn split(rows: &Range<usize>, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.clamp(1, rows.len().max(1));
    let edge = |part: usize| rows.start + rows.len() * part / parts;
    (0..parts).map(|part| edge(part)..edge(part + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows() {
        assert_eq!(split(&(4..11), 3), [4..6, 6..8, 8..11]);
        assert_eq!(split(&(0..2), 5), [0..1, 1..2]);
    }
}
