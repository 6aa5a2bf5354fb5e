//! One step of the co-training.

use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use burn::module::AutodiffModule;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{Adam, GradientsParams, Optimizer};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Int, Tensor, TensorData};
use dcac_model::dcac::{Dcac, DcacConfig, Embedded, adam};
use dcac_model::diffusion::NoiseSchedule;
use dcac_model::loss::PrototypeMemory;

use super::cost::Costs;
use super::gradients;
use super::latents::LatentCache;
use super::loss_scale::LossScale;
use super::metrics::StepMetrics;
use super::seam::Seam;
use crate::config::RunConfig;
use crate::data::TrainBatch;
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
        let clock = Instant::now();
        let (vit, rows) = (&self.config.encoder.vit, &batch.rows);
        let pixels = TensorData::new(batch.pixels.clone(), [rows.len(), 3, vit.height, vit.width]);
        let labels: Vec<i32> = batch.labels.iter().map(|&label| label as i32).collect();
        let labels = TensorData::new(labels, [batch.labels.len()]);
        let images = Tensor::from_data(pixels, &self.device);
        let seam = Seam::join(self.model.embed(&self.config, images), rows, &self.group)?;
        // Noise is drawn for the whole batch, so that a row's does not depend on the replicas.
        let latents = latents.map(|cache| cache.sample(&batch.indices, step, &self.device));
        let embedded = Embedded {
            embeddings: seam.whole(),
            labels: Tensor::<B, 1, Int>::from_data(labels, &self.device),
            rows: rows.clone(),
            latents: latents.map(|latents| latents.rows(rows)),
        };
        let memory = self.memory.tensor(&self.device);
        let output = (self.model).losses(&self.config, &self.schedule, embedded, memory);
        let mut losses = [&output.total, &output.identity, &output.contrastive]
            .into_iter()
            .chain([&output.accuracy])
            .chain(&output.diffusion)
            .map(scalar)
            .collect::<Result<Vec<f32>>>()?;
        losses = self.group.sum(losses)?;
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
        let clock = costs.stage("forward", clock);

        let factor = self.scale.factor();
        let loss = match factor {
            Some(factor) => output.total * factor,
            None => output.total,
        };
        let gradients = seam.backward(loss, &self.model, &self.group)?;
        let clock = costs.stage("backward", clock);

        let gradients = self.tame(gradients, factor, &mut metrics)?;
        let model = match gradients {
            Some(gradients) => self.optimizer.step(lr, self.model.clone(), gradients),
            None => self.model.clone(),
        };
        let updates = 0..self.config.loss.neck_updates;
        self.model = updates.fold(model, |model, _| model.absorb(&output.neck));
        let clock = costs.stage("optimiser", clock);

        let features: Vec<f32> = (output.features.inner().into_data().convert::<f32>())
            .into_vec()
            .map_err(|error| anyhow!("cannot read the batch's features: {error:?}"))?;
        let loss = &self.config.loss;
        self.memory
            .update(&features, &batch.labels, loss.gamma, loss.memory_update);
        costs.stage("memory", clock);
        Ok(metrics)
    }

    /// Unscales and clips gradients; none if they overflowed, and the step is left out.
    fn tame(
        &mut self,
        mut gradients: GradientsParams,
        factor: Option<f32>,
        metrics: &mut StepMetrics,
    ) -> Result<Option<GradientsParams>> {
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

fn scalar<B: AutodiffBackend>(tensor: &Tensor<B, 1>) -> Result<f32> {
    let data = tensor.clone().inner().into_data().convert::<f32>();
    match data.as_slice::<f32>() {
        Ok([value]) => Ok(*value),
        _ => bail!("a loss is no single number"),
    }
}
