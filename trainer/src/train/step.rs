//! One step of the co-training.

use std::ops::Range;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use burn::module::AutodiffModule;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{Adam, GradientsParams, Optimizer};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, Int, Tensor, TensorData};
use dcac_model::dcac::{Dcac, DcacConfig, Embedded, NoisedLatents, StepOutput, adam};
use dcac_model::diffusion::NoiseSchedule;
use dcac_model::loss::PrototypeMemory;
use dcac_model::nn::BatchStats;

use super::cost::Costs;
use super::gradients;
use super::latents::LatentCache;
use super::loss_scale::LossScale;
use super::metrics::StepMetrics;
use super::seam::Seam;
use crate::config::RunConfig;
use crate::data::TrainBatch;
use crate::device::{among_workers, gpu_memory, numbers};
use crate::parallel::Group;

/// Model, optimiser and memory.
pub struct Trainer<B: AutodiffBackend> {
    /// The model.
    pub model: Dcac<B>,
    /// Prototypes of the epoch.
    pub memory: PrototypeMemory,
    /// Adam and its moments.
    pub optimizer: OptimizerAdaptor<Adam, Dcac<B>, B>,
    /// Scale of the losses in f16.
    pub scale: LossScale,
    config: DcacConfig,
    clip_norm: Option<f32>,
    encoder_lr_factor: f64,
    accumulate: usize,
    schedule: NoiseSchedule,
    group: Group,
    device: B::Device,
}

impl<B: AutodiffBackend> Trainer<B> {
    /// A trainer at the start of its run; its memory is empty until an epoch begins.
    pub fn new(config: &RunConfig, model: Dcac<B>, group: Group, device: &B::Device) -> Self {
        let width = config.model.encoder.vit.embedding;
        Self {
            model,
            memory: PrototypeMemory::from_prototypes(Vec::new(), width),
            optimizer: adam(config.optim.weight_decay).init(),
            scale: LossScale::new(config.model.precision),
            config: config.model.clone(),
            clip_norm: config.optim.clip_norm,
            encoder_lr_factor: config.optim.encoder_lr_factor,
            accumulate: config.optim.accumulate,
            schedule: NoiseSchedule::stable_diffusion(),
            group,
            device: device.clone(),
        }
    }

    /// Forward, backward, optimiser, neck statistics and memory, in this order. Each replica
    /// computes the rows of its share; losses and gradients are those of the batch.
    /// Epoch and speed of the returned metrics are the caller's to fill in. Losses that
    /// are not finite change nothing; the caller must look at them.
    pub fn step(
        &mut self,
        batch: &TrainBatch,
        latents: Option<&LatentCache>,
        step: u64,
        lr: f64,
        costs: &mut Costs,
    ) -> Result<StepMetrics> {
        if self.group.size() > 1 {
            // Replicas wait for each other, and must not do so where others are to compute.
            return self.advance(batch, latents, step, lr, costs);
        }
        let device = self.device.clone();
        among_workers::<B, _>(&device, || self.advance(batch, latents, step, lr, costs))
    }

    fn advance(
        &mut self,
        batch: &TrainBatch,
        latents: Option<&LatentCache>,
        step: u64,
        lr: f64,
        costs: &mut Costs,
    ) -> Result<StepMetrics> {
        // Noise is drawn for the whole batch, so that a row's does not depend on the replicas.
        let latents = latents.map(|cache| cache.sample(&batch.indices, step, &self.device));
        let pass = match self.accumulate {
            1 => self.pass(batch, latents, costs)?,
            parts => self.pass_in_parts(batch, latents.as_ref(), parts, costs)?,
        };
        let losses = pass.losses;
        let [loss, loss_id, loss_pcl, accuracy, ..] = losses[..] else {
            bail!("a replica has lost its losses");
        };
        let mut metrics = StepMetrics {
            epoch: 0,
            step,
            lr,
            loss,
            loss_id,
            loss_pcl,
            loss_dif: losses.get(4).copied(),
            accuracy,
            gradient_norm: None,
            loss_scale: self.scale.factor(),
            images_per_second: 0.0,
        };
        if !metrics.loss.is_finite() {
            return Ok(metrics);
        }
        let clock = Instant::now();
        let gradients = self.tame(pass.gradients, &mut metrics)?;
        let mut model = self.model.clone();
        if let Some(mut gradients) = gradients {
            if self.encoder_lr_factor != 1.0 {
                let of_encoder = gradients::take(&mut gradients, &model.encoder);
                let lr = lr * self.encoder_lr_factor;
                model = self.optimizer.step(lr, model, of_encoder);
            }
            model = self.optimizer.step(lr, model, gradients);
        }
        let updates = 0..self.config.loss.neck_updates;
        self.model = updates.fold(model, |model, _| model.absorb(&pass.neck));
        let clock = self.stage(costs, "optimiser", clock)?;

        let features = numbers(pass.features.inner())?;
        let loss = &self.config.loss;
        self.memory
            .update(&features, &batch.labels, loss.gamma, loss.memory_update);
        costs.stage("memory", clock);
        costs.gpu_memory_bytes = costs.gpu_memory_bytes.max(gpu_memory::<B>(&self.device));
        Ok(metrics)
    }

    /// Forward and backward of a whole batch.
    pub fn pass(
        &self,
        batch: &TrainBatch,
        latents: Option<NoisedLatents<B>>,
        costs: &mut Costs,
    ) -> Result<Pass<B>> {
        let clock = Instant::now();
        let rows = &batch.rows;
        let (images, cameras) = self.inputs(batch, rows);
        let own = self.model.embed(&self.config, images, cameras);
        let clock = self.stage(costs, "encode", clock)?;
        let seam = Seam::join(own, rows, &self.group)?;
        let output = self.losses(Embedded {
            embeddings: seam.whole(),
            labels: self.labels(batch),
            rows: rows.clone(),
            latents: latents.map(|latents| latents.rows(rows)),
        });
        let losses = losses(&output);
        let clock = self.stage(costs, "losses", clock)?;
        let gradients = seam.backward(self.scaled(output.total), &self.model, &self.group)?;
        // Read only now: whoever reads waits, and the device would wait for the backward pass.
        let losses = self.group.sum(numbers(losses)?)?;
        self.stage(costs, "backward", clock)?;
        Ok(Pass {
            losses,
            features: output.features,
            neck: output.neck,
            gradients,
        })
    }

    /// Ends a stage.
    fn stage(&self, costs: &mut Costs, name: &str, since: Instant) -> Result<Instant> {
        if costs.waits {
            B::sync(&self.device).map_err(|error| anyhow!("the device failed: {error:?}"))?;
        }
        Ok(costs.stage(name, since))
    }

    /// Pixels and cameras of some of a batch's rows.
    pub(super) fn inputs<I: Backend<Device = B::Device>>(
        &self,
        batch: &TrainBatch,
        rows: &Range<usize>,
    ) -> (Tensor<I, 4>, Option<Tensor<I, 1, Int>>) {
        let vit = &self.config.encoder.vit;
        let size = 3 * vit.height * vit.width;
        // The batch holds the pixels of its own rows alone.
        let start = batch.rows.start;
        let pixels = &batch.pixels[(rows.start - start) * size..(rows.end - start) * size];
        let pixels = TensorData::new(pixels.to_vec(), [rows.len(), 3, vit.height, vit.width]);
        let cameras =
            (self.config.cameras > 0).then(|| indices(&batch.cameras[rows.clone()], &self.device));
        (Tensor::from_data(pixels, &self.device), cameras)
    }

    /// Labels of the whole batch.
    pub(super) fn labels(&self, batch: &TrainBatch) -> Tensor<B, 1, Int> {
        indices(&batch.labels, &self.device)
    }

    /// Losses of some rows under the memory.
    pub(super) fn losses(&self, embedded: Embedded<B>) -> StepOutput<B> {
        let memory = self.memory.tensor(&self.device);
        (self.model).losses(&self.config, &self.schedule, embedded, memory)
    }

    /// A loss as it goes into the backward pass.
    pub(super) fn scaled(&self, loss: Tensor<B, 1>) -> Tensor<B, 1> {
        match self.scale.factor() {
            Some(factor) => loss * factor,
            None => loss,
        }
    }

    /// Unscales and clips gradients; none if they overflowed, and the step is left out.
    fn tame(
        &mut self,
        mut gradients: GradientsParams,
        metrics: &mut StepMetrics,
    ) -> Result<Option<GradientsParams>> {
        let factor = self.scale.factor();
        if let Some(factor) = factor {
            gradients = gradients::scale(gradients, &self.model, 1.0 / factor);
        }
        if factor.is_none() && self.clip_norm.is_none() {
            return Ok(Some(gradients));
        }
        let norm = gradients::norm(&gradients, &self.model)?;
        metrics.gradient_norm = norm.is_finite().then_some(norm);
        self.scale.judge(norm.is_finite())?;
        metrics.loss_scale = self.scale.factor();
        if !norm.is_finite() {
            if factor.is_none() {
                // No scale is to blame: the step is as bad as if its loss had not been finite.
                metrics.loss = f32::NAN;
            }
            return Ok(None);
        }
        // As torch.nn.utils.clip_grad_norm_ does it.
        let share = self.clip_norm.map_or(1.0, |most| most / (norm + 1e-6));
        if share < 1.0 {
            gradients = gradients::scale(gradients, &self.model, share);
        }
        Ok(Some(gradients))
    }

    /// The model without its autodiff graph.
    pub fn inference_model(&self) -> Dcac<B::InnerBackend> {
        self.model.valid()
    }

    /// Settings of the method.
    pub fn config(&self) -> &DcacConfig {
        &self.config
    }

    /// The replicas that it is one of.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Where it computes.
    pub fn device(&self) -> &B::Device {
        &self.device
    }
}

/// What forward and backward of a batch give.
pub struct Pass<B: AutodiffBackend> {
    /// Total, ID loss, contrastive loss, accuracy and, unless it is the baseline, denoising
    /// loss of the whole batch.
    pub losses: Vec<f32>,
    /// L2-normalised neck features of the whole batch.
    pub features: Tensor<B, 2>,
    /// The neck's batch statistics.
    pub neck: BatchStats<B>,
    /// Scaled gradients of the total.
    pub gradients: GradientsParams,
}

/// Losses of some rows, in the order of [`Pass::losses`].
pub(super) fn losses<B: AutodiffBackend>(output: &StepOutput<B>) -> Tensor<B::InnerBackend, 1> {
    let all = [
        &output.total,
        &output.identity,
        &output.contrastive,
        &output.accuracy,
    ];
    let all = all.into_iter().chain(&output.diffusion);
    let all = all.map(|loss| loss.clone().inner().cast(DType::F32));
    Tensor::cat(all.collect(), 0)
}

fn indices<B: Backend>(values: &[usize], device: &B::Device) -> Tensor<B, 1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
