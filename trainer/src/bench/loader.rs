//! Images per second of the loader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use dcac_model::clip::VitConfig;
use dcac_model::image::Augmentation;
use dcac_model::reid::EncoderConfig;

use crate::config::SamplerConfig;
use crate::data::{Loader, NamedData, TrainingSet, View, epoch_batches};
use crate::random;

/// `trainer bench loader`.
#[derive(Args)]
pub struct LoaderArgs {
    /// Training data as NAME=DIR
    #[arg(long)]
    data: NamedData,
    /// Threads that prepare images
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How long to measure, after a second of warm-up
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// Prints the images per second of the paper's batches (16 identities of 4 images, 256 x 128
/// pixels, its augmentation) when nothing else is done with them.
pub fn run(args: &LoaderArgs) -> Result<()> {
    if args.workers == 0 || !(args.seconds > 0.0 && args.seconds.is_finite()) {
        bail!("--workers and --seconds must be above 0");
    }
    let threads = rayon::ThreadPoolBuilder::new().num_threads(args.workers);
    threads.build_global().context("cannot start the workers")?;
    let set = Arc::new(TrainingSet::read(std::slice::from_ref(&args.data))?);
    let sampler = SamplerConfig::default();
    let view = View {
        preprocess: EncoderConfig::new(VitConfig::vit_b_16()).preprocess,
        augment: Augmentation::default(),
        seed: 1,
    };
    let warm = Instant::now() + Duration::from_secs(1);
    let (mut started, mut images, mut step) = (None, 0, 1);
    for epoch in 0.. {
        let mut rng = random::stream(view.seed, "sampler", epoch);
        let batches = epoch_batches(&set.labels(), set.identities, &sampler, &mut rng);
        if batches.is_empty() {
            bail!(
                "{} has {} training identities, a batch needs {}",
                args.data,
                set.identities,
                sampler.identities
            );
        }
        let (count, size) = (batches.len(), sampler.identities * sampler.images);
        let loader = Loader::start(&set, &view, batches, 0..size, step);
        for _ in 0..count {
            let batch = loader.next()?;
            step += 1;
            let now = Instant::now();
            match started {
                None if now < warm => (),
                None => started = Some(now),
                Some(since) => {
                    images += batch.labels.len();
                    let seconds = (now - since).as_secs_f64();
                    if seconds >= args.seconds {
                        println!("{:.1} images/s", f64::from(images as u32) / seconds);
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}
