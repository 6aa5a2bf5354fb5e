//! Images per second of the encoder as inference runs it, with random weights and pictures.

use std::time::Instant;

use anyhow::{Result, bail};
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Distribution, Tensor};
use clap::Args;
use dcac_model::nn::{Compute, hold_frozen};
use dcac_model::reid::ReidEncoder;
use serde_json::{Value, json};

use super::measurement::{Held, Measurement};
use super::step::synchronise;
use super::times::spread;
use crate::config::RunConfig;
use crate::cpu_encoder::CpuEncoder;
use crate::device::{Job, gpu_memory, is_cpu, numbers};

/// `trainer bench encode`.
#[derive(Args)]
pub struct EncodeArgs {
    /// Images of a batch
    #[arg(long, default_value_t = 256)]
    batch: usize,
    #[command(flatten)]
    measurement: Measurement,
}

/// Prints the median and the spread.
pub fn run(args: &EncodeArgs) -> Result<()> {
    if args.batch == 0 {
        bail!("expected --batch of 1 at least");
    }
    let config = args.measurement.config()?;
    args.measurement.run(EncodeJob { args, config })
}

struct EncodeJob<'a> {
    args: &'a EncodeArgs,
    config: RunConfig,
}

impl Job for EncodeJob<'_> {
    type Output = Value;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Value>
    where
        B::Device: 'static,
    {
        let Self { args, config } = self;
        let encoder = &config.model.encoder;
        let model = ReidEncoder::<B>::new(encoder, device).valid();
        let shape = [args.batch, 3, encoder.vit.height, encoder.vit.width];
        let pictures = Tensor::<B::InnerBackend, 4>::random(shape, Distribution::Default, device);
        // On a CPU weights of all formats are widened.
        let cpu = is_cpu::<B>(device);
        let precision = if cpu {
            Compute::F32
        } else {
            config.model.precision
        };
        let mut embed: Box<dyn FnMut() -> Result<()>> = if cpu {
            let (model, pixels) = (CpuEncoder::new(&model, encoder)?, numbers(pictures)?);
            Box::new(move || model.embed(&pixels).map(drop))
        } else {
            let dtype = precision.dtype();
            let model = hold_frozen(model, dtype, |_| true);
            let pictures = pictures.cast(dtype);
            Box::new(move || {
                let embeddings = model.embed(pictures.clone());
                synchronise::<B::InnerBackend>(device)?;
                drop(embeddings);
                Ok(())
            })
        };
        let (mut times, mut memory) = (Vec::new(), None);
        for number in 0..args.measurement.warmup + args.measurement.steps {
            if number == args.measurement.warmup {
                B::memory_cleanup(device);
            }
            let since = Instant::now();
            embed()?;
            if number >= args.measurement.warmup {
                times.push(since.elapsed().as_secs_f64());
                memory = memory.max(gpu_memory::<B>(device));
            }
        }
        let [median, low, high] = spread(&times);
        println!(
            "encoder, {} images, {}, {precision}: {:.2} ms ({:.2} to {:.2}), {:.0} images/s",
            args.batch,
            args.measurement.subject.device.device,
            1e3 * median,
            1e3 * low,
            1e3 * high,
            args.batch as f64 / median
        );
        let memory = Held(memory);
        println!("{memory}");
        Ok(json!({
            "device": args.measurement.subject.device.device.to_string(),
            "images": args.batch,
            "encode": spread(&times),
            "peak_memory_bytes": memory.bytes(),
        }))
    }
}
