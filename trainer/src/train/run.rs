//! A run from configuration to evaluation.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::{NoiseSchedule, VaeEncoder};
use dcac_model::image::Resampling;
use dcac_model::loss::PrototypeMemory;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use indicatif::HumanDuration;

use super::checkpoint::{self, Checkpoint};
use super::latents::LatentCache;
use super::metrics::{EpochMeans, MetricsLog};
use super::step::Trainer;
use crate::config::RunConfig;
use crate::data::{Loader, NamedData, Split, TrainingSet, View, epoch_batches};
use crate::device::{DeviceChoice, Job, dispatch};
use crate::model_dir::Embedder;
use crate::{evaluate, files, random};

/// What `trainer train` was asked.
pub struct TrainRequest {
    /// Configuration file.
    pub config: PathBuf,
    /// Sources.
    pub data: Vec<NamedData>,
    /// Unseen domains to evaluate on.
    pub targets: Vec<NamedData>,
    /// `--set`.
    pub overrides: Vec<String>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Folder of the run.
    pub out: PathBuf,
}

/// `trainer train`.
pub fn run(request: TrainRequest) -> Result<()> {
    let config = RunConfig::read(&request.config, &request.overrides)?;
    let set = TrainingSet::read(&request.data)?;
    if set.identities < config.sampler.identities {
        bail!(
            "the training data has {} identities, a batch needs {}; set a lower sampler.identities",
            set.identities,
            config.sampler.identities
        );
    }
    let targets = if request.targets.is_empty() {
        request.data.clone()
    } else {
        request.targets.clone()
    };
    for target in &targets {
        // A wrong path should be heard of now, not after hours of training.
        target.split(Split::Query)?;
        target.split(Split::Gallery)?;
    }
    files::require_new(&request.out)?;
    let job = TrainJob {
        config,
        set: Arc::new(set),
        sources: request.data,
        targets,
        out: request.out,
    };
    dispatch(request.device, job)
}

struct TrainJob {
    config: RunConfig,
    set: Arc<TrainingSet>,
    sources: Vec<NamedData>,
    targets: Vec<NamedData>,
    out: PathBuf,
}

impl Job for TrainJob {
    type Output = ();

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<()>
    where
        B::Device: 'static,
    {
        let (config, set) = (&self.config, &self.set);
        if !B::supports_dtype(device, config.model.precision.dtype()) {
            bail!(
                "this device does not compute in {:?}; set precision = \"f32\"",
                config.model.precision
            );
        }
        B::seed(device, config.seed);
        let model = Dcac::<B>::new(&config.model, set.identities, device);
        println!(
            "{} images of {} identities, {}",
            set.images.len(),
            set.identities,
            if config.model.diffusion.is_some() {
                "DCAC"
            } else {
                "baseline without diffusion"
            }
        );
        let diffusion = config.model.diffusion.as_ref();
        let vae =
            diffusion.map(|diffusion| VaeEncoder::<B::InnerBackend>::new(&diffusion.vae, device));
        let pretrained = config.weights.open(&config.model, &model, vae.as_ref())?;
        let (model, vae) = pretrained.load(model, vae)?;
        let model = model.hold_frozen(&config.model);
        let latents = latent_cache(config, set, vae, device)?;
        let memory = prototypes(&model.valid().encoder, config, set, device)?;
        let mut trainer = Trainer::new(config, model, memory, device);

        // Only now, when images have been read and the model exists, does the run exist.
        fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let resolved = config.to_toml()?;
        files::write(&self.out.join(checkpoint::CONFIG), resolved.as_bytes())?;
        let (step, epochs) = train(
            &mut trainer,
            config,
            set,
            latents.as_ref(),
            &self.out,
            device,
        )?;

        let model = trainer.inference_model();
        let state = Checkpoint {
            epoch: epochs,
            step,
            identities: set.identities,
            images: set.images.len(),
            sources: (self.sources.iter())
                .map(|source| source.folder.display().to_string())
                .collect(),
        };
        let saved = state.write(&self.out, &model)?;
        let embedder = Embedder::new(model.encoder, &config.model.encoder, device);
        let mut reports = Vec::new();
        for target in &self.targets {
            let report = evaluate::on(&embedder, target)?;
            print!("\n{}", report.table());
            reports.push(report);
        }
        checkpoint::write_evaluation(&self.out, &reports)?;
        println!(
            "\ncheckpoint  {}\nlosses      {}\nfigures     {}",
            saved.display(),
            self.out.join("metrics.jsonl").display(),
            checkpoint::evaluation_path(&self.out).display()
        );
        Ok(())
    }
}

/// The epochs. Returns steps and epochs done.
fn train<B: AutodiffBackend>(
    trainer: &mut Trainer<B>,
    config: &RunConfig,
    set: &Arc<TrainingSet>,
    latents: Option<&LatentCache>,
    out: &Path,
    device: &B::Device,
) -> Result<(u64, usize)>
where
    B::Device: 'static,
{
    let labels: Vec<usize> = set.images.iter().map(|(_, label)| *label).collect();
    let view = View {
        preprocess: training_view(config).preprocess,
        augment: config.augment.clone(),
        seed: config.seed,
    };
    let mut log = MetricsLog::create(out)?;
    let started = Instant::now();
    let mut step = 0;
    for epoch in 1..=config.optim.epochs {
        if epoch > 1 {
            let encoder = trainer.inference_model().encoder;
            trainer.memory = prototypes(&encoder, config, set, device)?;
        }
        let mut rng = random::stream(config.seed, "sampler", epoch as u64);
        let batches = epoch_batches(&labels, set.identities, &config.sampler, &mut rng);
        let steps = batches.len();
        let loader = Loader::start(set, &view, batches, step + 1);
        let lr = config.optim.learning_rate(epoch);
        let bar = files::progress(&format!("epoch {epoch}"), steps);
        let (mut means, mut clock) = (EpochMeans::default(), Instant::now());
        let mut images = 0;
        let epoch_started = clock;
        for _ in 0..steps {
            let batch = loader.next()?;
            step += 1;
            let mut metrics = trainer.step(&batch, latents, step, lr)?;
            metrics.epoch = epoch;
            metrics.images_per_second = batch.labels.len() as f64 / clock.elapsed().as_secs_f64();
            images += batch.labels.len();
            clock = Instant::now();
            if trainer.backed_off() {
                bar.println(format!(
                    "step {step}: gradients overflow, the step is left out and losses are now scaled by {}",
                    metrics.loss_scale.unwrap_or(1.0)
                ));
            }
            log.add(&metrics)?;
            means.add(&metrics);
            bar.set_message(format!("loss {:.3}", metrics.loss));
            bar.inc(1);
        }
        bar.finish_and_clear();
        log.flush()?;
        let left = started.elapsed().div_f64(epoch as f64) * (config.optim.epochs - epoch) as u32;
        let speed = images as f64 / epoch_started.elapsed().as_secs_f64();
        let digits = if speed < 10.0 { 2 } else { 0 };
        println!(
            "epoch {epoch:3}/{}  {}  rate {lr:.2e}  {speed:.digits$} images/s  {} left",
            config.optim.epochs,
            means.line(latents.is_some()),
            HumanDuration(Duration::from_secs(left.as_secs()))
        );
    }
    Ok((step, config.optim.epochs))
}

fn latent_cache<B: Backend>(
    config: &RunConfig,
    set: &TrainingSet,
    vae: Option<VaeEncoder<B>>,
    device: &B::Device,
) -> Result<Option<LatentCache>> {
    let (Some(diffusion), Some(vae)) = (&config.model.diffusion, vae) else {
        return Ok(None);
    };
    let steps = NoiseSchedule::stable_diffusion().steps();
    let cache = LatentCache::build(set, diffusion, &vae, steps, config.seed, device)?;
    println!("latents scaled by {:.5}", cache.scale());
    Ok(Some(cache))
}

/// Training sees its images in the one resize of the method, whatever a test uses.
fn training_view(config: &RunConfig) -> EncoderConfig {
    let mut encoder = config.model.encoder.clone();
    encoder.preprocess.resize = Resampling::Bicubic;
    encoder
}

/// The memory of an epoch: neck features of the whole training set without
/// augmentation, averaged per identity.
fn prototypes<B: Backend>(
    encoder: &ReidEncoder<B>,
    config: &RunConfig,
    set: &TrainingSet,
    device: &B::Device,
) -> Result<PrototypeMemory>
where
    B::Device: 'static,
{
    let embedder = Embedder::new(encoder.clone(), &training_view(config), device);
    let paths: Vec<PathBuf> = set.images.iter().map(|(path, _)| path.clone()).collect();
    let labels: Vec<usize> = set.images.iter().map(|(_, label)| *label).collect();
    let features = embedder.embed_watched("prototypes", &paths)?;
    Ok(PrototypeMemory::from_features(
        &features,
        embedder.width,
        &labels,
        set.identities,
    )?)
}
