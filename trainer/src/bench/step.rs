//! Times of a training step, by stage, without data: random weights, random pictures.

use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Distribution, Tensor};
use clap::Args;
use dcac_model::dcac::{Dcac, DiffusionConfig};
use dcac_model::diffusion::VaeEncoder;
use dcac_model::loss::PrototypeMemory;
use serde_json::{Value, json};

use super::measurement::{Held, Measurement};
use super::times::{Times, spread};
use crate::config::RunConfig;
use crate::data::TrainBatch;
use crate::device::Job;
use crate::parallel::Group;
use crate::train::{Costs, LatentCache, Trainer};
use crate::{info, random};

/// `trainer bench step`.
#[derive(Args)]
pub struct StepArgs {
    /// Training identities
    #[arg(long, default_value_t = 751)]
    identities: usize,
    #[command(flatten)]
    measurement: Measurement,
}

/// Prints medians and spreads.
pub fn run(args: &StepArgs) -> Result<()> {
    let config = args.measurement.config()?;
    enough(args.identities, &config)?;
    args.measurement.run(StepJob { args, config })
}

/// That there are as many identities as a batch has.
pub fn enough(identities: usize, config: &RunConfig) -> Result<()> {
    if identities < config.sampler.identities {
        bail!(
            "expected --identities of {} at least, as many as a batch has",
            config.sampler.identities
        );
    }
    Ok(())
}

struct StepJob<'a> {
    args: &'a StepArgs,
    config: RunConfig,
}

impl Job for StepJob<'_> {
    type Output = Value;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Value>
    where
        B::Device: 'static,
    {
        let Self { args, config } = self;
        let diffusion = config.model.diffusion.as_ref();
        let (_, forward) = info::totals(&config, args.identities);
        B::seed(device, config.seed);
        let model = Dcac::<B>::new(&config.model, args.identities, device);
        let model = model.hold_frozen(&config.model);
        let (mut trainer, batch, latents) = drawn(&config, args.identities, model, device)?;
        let count = batch.labels.len();

        let mut step = |number: usize, costs: &mut Costs| -> Result<f64> {
            let since = Instant::now();
            let latents = latents.as_ref();
            let metrics = trainer.step(&batch, latents, number as u64, 1e-6, costs)?;
            synchronise::<B>(device)?;
            if !metrics.loss.is_finite() {
                bail!("the loss of step {number} is not finite: there is nothing to time");
            }
            Ok(since.elapsed().as_secs_f64())
        };
        let first = step(1, &mut Costs::default())?;
        for number in 0..args.measurement.warmup {
            step(number + 2, &mut Costs::default())?;
        }
        B::memory_cleanup(device);
        let mut costs = Costs::default();
        let whole = (0..args.measurement.steps)
            .map(|number| step(number + 2, &mut costs))
            .collect::<Result<Vec<f64>>>()?;
        let memory = Held(costs.gpu_memory_bytes);
        let mut stages = Times::default();
        for number in 0..args.measurement.steps {
            let mut costs = Costs::waiting();
            step(number + 2, &mut costs)?;
            for stage in costs.stages {
                stages.add(&stage.name, stage.seconds);
            }
        }
        if let Some(diffusion) = diffusion {
            // No part of a step, whose latents are kept; of a step without a cache it is one.
            vae::<B>(diffusion, count, args, device, &mut stages)?;
        }
        let rate = product::<B::InnerBackend>(&config, device)?;

        let [median, low, high] = spread(&whole);
        println!(
            "{} of {count} images, {}: {:.1} ms ({:.1} to {:.1}), {:.0} images/s; first step {first:.1} s",
            config.method(),
            args.measurement.subject.device.device,
            1e3 * median,
            1e3 * low,
            1e3 * high,
            count as f64 / median
        );
        for (name, times) in stages.iter() {
            let [median, low, high] = spread(times);
            println!(
                "{name:>12} {:9.2} ms ({:.2} to {:.2})",
                1e3 * median,
                1e3 * low,
                1e3 * high
            );
        }
        println!(
            "forward {forward:.3} TFLOP a step: {:.3} TFLOP/s if backward is twice a forward; a large matrix product reaches {rate:.3}",
            3.0 * forward / median
        );
        println!("{memory}");
        let stages: serde_json::Map<String, Value> = (stages.iter())
            .map(|(name, times)| (name.to_string(), json!(spread(times))))
            .collect();
        Ok(json!({
            "method": config.method(),
            "device": args.measurement.subject.device.device.to_string(),
            "images": count,
            "step": spread(&whole),
            "first": first,
            "stages": stages,
            "forward_tflop": forward,
            "product_tflops": rate,
            "peak_memory_bytes": memory.bytes(),
        }))
    }
}

/// A model among what it is trained with, all of it random and the same on every device: memory,
/// a batch and its latents.
pub fn drawn<B: AutodiffBackend>(
    config: &RunConfig,
    identities: usize,
    model: Dcac<B>,
    device: &B::Device,
) -> Result<(Trainer<B>, TrainBatch, Option<LatentCache>)> {
    let mut trainer = Trainer::new(config, model, Group::alone(), device);
    let width = config.model.encoder.vit.embedding;
    let mut rng = random::stream(config.seed, "memory of a benchmark", 0);
    let features = random::normals(&mut rng, identities * width);
    let every: Vec<usize> = (0..identities).collect();
    trainer.memory = PrototypeMemory::from_features(&features, width, &every, identities)?;
    let batch = batch(config, identities);
    let latents = (config.model.diffusion.as_ref())
        .map(|diffusion| LatentCache::drawn(batch.labels.len(), diffusion, config.seed));
    Ok((trainer, batch, latents))
}

/// Waits until everything queued is done.
pub fn synchronise<B: Backend>(device: &B::Device) -> Result<()> {
    B::sync(device).map_err(|error| anyhow!("the device failed: {error:?}"))
}

/// A batch of random pictures as the sampler composes it.
fn batch(config: &RunConfig, identities: usize) -> TrainBatch {
    let sampler = &config.sampler;
    let count = sampler.identities * sampler.images;
    let vit = &config.model.encoder.vit;
    let mut rng = random::stream(config.seed, "pictures of a benchmark", 0);
    TrainBatch {
        indices: (0..count).collect(),
        labels: (0..count)
            .map(|row| row / sampler.images * identities / sampler.identities)
            .collect(),
        cameras: vec![0; count],
        rows: 0..count,
        pixels: random::normals(&mut rng, count * 3 * vit.height * vit.width),
    }
}

fn vae<B: AutodiffBackend>(
    diffusion: &DiffusionConfig,
    count: usize,
    args: &StepArgs,
    device: &B::Device,
    stages: &mut Times,
) -> Result<()> {
    // In f32, as the trainer makes the latents.
    let vae = VaeEncoder::<B>::new(&diffusion.vae, device).valid();
    let shape = [count, 3, diffusion.image, diffusion.image];
    let pictures = Tensor::<B::InnerBackend, 4>::random(shape, Distribution::Default, device);
    for number in 0..args.measurement.warmup + args.measurement.steps {
        let since = Instant::now();
        let moments = vae.forward(pictures.clone());
        synchronise::<B::InnerBackend>(device)?;
        drop(moments);
        if number >= args.measurement.warmup {
            stages.add("VAE, if not kept", since.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// TFLOP/s of a large matrix product.
fn product<B: Backend>(config: &RunConfig, device: &B::Device) -> Result<f64> {
    // Long enough to be measured, on a CPU too.
    let mut side = 512;
    let mut best = 0.0f64;
    while side <= 8192 {
        let random = || {
            let shape = [side, side];
            let numbers = Tensor::<B, 2>::random(shape, Distribution::Default, device);
            numbers.cast(config.model.precision.dtype())
        };
        let (a, b) = (random(), random());
        let mut seconds = f64::INFINITY;
        for _ in 0..5 {
            synchronise::<B>(device)?;
            let since = Instant::now();
            let product = a.clone().matmul(b.clone());
            synchronise::<B>(device)?;
            drop(product);
            seconds = seconds.min(since.elapsed().as_secs_f64());
        }
        best = best.max(2.0 * (side as f64).powi(3) / seconds / 1e12);
        if seconds > 0.1 {
            break;
        }
        side *= 2;
    }
    Ok(best)
}
