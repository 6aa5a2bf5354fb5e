//! One step of the co-training.

use anyhow::{Result, anyhow, bail};
use burn::module::AutodiffModule;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{Adam, Optimizer};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Int, Tensor, TensorData};
use dcac_model::dcac::{Batch, Dcac, DcacConfig, adam};
use dcac_model::diffusion::NoiseSchedule;
use dcac_model::loss::PrototypeMemory;

use super::latents::LatentCache;
use super::loss_scale::LossScale;
use super::metrics::StepMetrics;
use crate::config::RunConfig;
use crate::data::TrainBatch;

/// Model, optimiser and memory.
pub struct Trainer<B: AutodiffBackend> {
    /// The model.
    pub model: Dcac<B>,
    /// Prototypes of the epoch.
    pub memory: PrototypeMemory,
    config: DcacConfig,
    optimizer: OptimizerAdaptor<Adam, Dcac<B>, B>,
    schedule: NoiseSchedule,
    scale: LossScale,
    device: B::Device,
}

impl<B: AutodiffBackend> Trainer<B> {
    /// A trainer at the start of its run.
    pub fn new(
        config: &RunConfig,
        model: Dcac<B>,
        memory: PrototypeMemory,
        device: &B::Device,
    ) -> Self {
        Self {
            model,
            memory,
            config: config.model.clone(),
            optimizer: adam(config.optim.weight_decay).init(),
            schedule: NoiseSchedule::stable_diffusion(),
            scale: LossScale::new(config.model.precision),
            device: device.clone(),
        }
    }

    /// Forward, backward, optimiser, neck statistics and memory, in this order.
    /// Epoch and speed of the returned metrics are the caller's to fill in.
    pub fn step(
        &mut self,
        batch: &TrainBatch,
        latents: Option<&LatentCache>,
        step: u64,
        lr: f64,
    ) -> Result<StepMetrics> {
        let vit = &self.config.encoder.vit;
        let count = batch.labels.len();
        let pixels = TensorData::new(batch.pixels.clone(), [count, 3, vit.height, vit.width]);
        let labels: Vec<i32> = batch.labels.iter().map(|&label| label as i32).collect();
        let labels = TensorData::new(labels, [count]);
        let output = self.model.forward(
            &self.config,
            &self.schedule,
            Batch {
                images: Tensor::from_data(pixels, &self.device),
                labels: Tensor::<B, 1, Int>::from_data(labels, &self.device),
                latents: latents.map(|cache| cache.sample(&batch.indices, step, &self.device)),
            },
            self.memory.tensor(&self.device),
        );

        let mut metrics = StepMetrics {
            epoch: 0,
            step,
            lr,
            loss: scalar(&output.total)?,
            loss_id: scalar(&output.identity)?,
            loss_pcl: scalar(&output.contrastive)?,
            loss_dif: output.diffusion.as_ref().map(scalar).transpose()?,
            accuracy: scalar(&output.accuracy)?,
            loss_scale: self.scale.factor(),
            images_per_second: 0.0,
        };
        if !metrics.loss.is_finite() {
            bail!(
                "the loss of step {step} is {}; lower optim.base_lr (now at {lr:.2e}) or raise loss.temperature",
                metrics.loss
            );
        }

        let gradients = self.scale.backward(output.total, &self.model)?;
        let model = match gradients {
            Some(gradients) => self.optimizer.step(lr, self.model.clone(), gradients),
            None => self.model.clone(),
        };
        metrics.loss_scale = self.scale.factor();
        let updates = 0..self.config.loss.neck_updates;
        self.model = updates.fold(model, |model, _| model.absorb(&output.neck));
        let features: Vec<f32> = (output
            .features
            .inner()
            .into_data()
            .convert::<f32>()
            .into_vec())
        .map_err(|error| anyhow!("cannot read the batch's features: {error:?}"))?;
        let loss = &self.config.loss;
        self.memory
            .update(&features, &batch.labels, loss.gamma, loss.memory_update);
        Ok(metrics)
    }

    /// Whether the last step's gradients overflowed, so that it was left out.
    pub fn backed_off(&self) -> bool {
        self.scale.backed_off()
    }

    /// The model without its autodiff graph.
    pub fn inference_model(&self) -> Dcac<B::InnerBackend> {
        self.model.valid()
    }
}

fn scalar<B: AutodiffBackend>(tensor: &Tensor<B, 1>) -> Result<f32> {
    let data = tensor.clone().inner().into_data().convert::<f32>();
    match data.as_slice::<f32>() {
        Ok([value]) => Ok(*value),
        _ => bail!("a loss is no single number"),
    }
}
