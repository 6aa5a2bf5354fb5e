//! A run from configuration to evaluation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::VaeEncoder;

use super::checkpoint::{self, Checkpoint};
use super::cost::{Clock, Costs};
use super::latents::LatentCache;
use super::logs::Logs;
use super::loss_scale::LossScale;
use super::metrics::EpochMeans;
use super::record::{RunRecord, RunState};
use super::session::Session;
use super::step::Trainer;
use super::stop::{self, Stopped};
use crate::config::RunConfig;
use crate::data::{NamedData, TrainingSet};
use crate::device::{DeviceChoice, Job, dispatch, dispatch_recomputing};
use crate::doctor;
use crate::files::{self, NewFolder};

/// What a run is to do.
pub struct TrainRequest {
    /// Everything about the method.
    pub config: RunConfig,
    /// Sources.
    pub data: Vec<NamedData>,
    /// Domains to evaluate on; the sources' own test splits if there are none.
    pub targets: Vec<NamedData>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Folder of the run.
    pub out: PathBuf,
    /// Go on with the run in `out` if there is one.
    pub resume: bool,
}

impl TrainRequest {
    /// The request that a run began with, to go on with it.
    pub fn resume(run: PathBuf, device: DeviceChoice) -> Result<Self> {
        let [data, targets] = RunRecord::read(&run)?.named()?;
        Ok(Self {
            config: checkpoint::read_config(&run)?,
            data,
            targets,
            device,
            out: run,
            resume: true,
        })
    }
}

/// Trains, or goes on training, and evaluates.
///
/// # Errors
/// [`Stopped`] where the user stopped it; anything else went wrong.
pub fn run(mut request: TrainRequest) -> Result<()> {
    let state = RunState::of(&request.out)?;
    match state {
        RunState::Absent => files::require_new(&request.out)?,
        RunState::Finished if request.resume => {
            println!("finished already  {}", request.out.display());
            return Ok(());
        }
        RunState::Finished => bail!(
            "{} holds a finished run; choose another folder or remove it",
            request.out.display()
        ),
        RunState::Unfinished { epoch, epochs } if !request.resume => bail!(
            "{0} holds a run with {epoch} of {epochs} epochs done; go on with it by `trainer train --resume {0}`, or choose another folder",
            request.out.display()
        ),
        RunState::Unfinished { .. } => {
            if checkpoint::read_config(&request.out)? != request.config {
                bail!(
                    "{} was begun with another configuration than this; its own is in its config.toml",
                    request.out.display()
                );
            }
        }
    }
    let set = TrainingSet::read(&request.data)?;
    let needed = request.config.sampler.identities;
    if set.identities < needed {
        bail!(
            "the training data has {} identities, a batch needs {needed}; set a lower sampler.identities",
            set.identities
        );
    }
    if request.targets.is_empty() {
        request.targets.clone_from(&request.data);
    }
    if state == RunState::Absent {
        // What is wrong with the data should be heard of now, not after hours of training.
        doctor::refuse_fatal(&request.data, &request.targets)?;
    }
    let record = RunRecord::new(&request.data, &request.targets, &set)?;
    if state != RunState::Absent {
        RunRecord::read(&request.out)?.check(&record, &request.out)?;
        // It may go on from elsewhere, or be judged on other data.
        record.write(&request.out)?;
    }
    let device = request.device;
    let job = TrainJob {
        request,
        set: Arc::new(set),
        record,
    };
    if job.request.config.optim.recompute {
        dispatch_recomputing(device, job)
    } else {
        dispatch(device, job)
    }
}

struct TrainJob {
    request: TrainRequest,
    set: Arc<TrainingSet>,
    record: RunRecord,
}

impl Job for TrainJob {
    type Output = ();

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<()>
    where
        B::Device: 'static,
    {
        let Self {
            request,
            set,
            record,
        } = self;
        let (config, out) = (&request.config, &request.out);
        if !B::supports_dtype(device, config.model.precision.dtype()) {
            bail!(
                "this device does not compute in {:?}; set precision = \"f32\"",
                config.model.precision
            );
        }
        println!(
            "{} images of {} identities, {}",
            set.images.len(),
            set.identities,
            config.method()
        );
        let resumed = checkpoint::last_state(out)?;
        let (trainer, vae) = match &resumed {
            Some((folder, state)) => {
                println!(
                    "going on after epoch {} and step {}, from {}",
                    state.epoch,
                    state.step,
                    folder.display()
                );
                checkpoint::sweep(out)?;
                reload::<B>(config, &set, out, folder, state, device)?
            }
            None => begin::<B>(config, &set, device)?,
        };
        let latents = latent_cache(out, config, &set, vae.as_ref(), device)?;
        let state = match resumed {
            Some((_, state)) => state,
            None => {
                found_run(config, out, &trainer, vae.as_ref(), &record)?;
                first_state(config, &set, &request.data)?
            }
        };
        drop(vae);
        stop::listen()?;
        let mut session = Session {
            config,
            set: &set,
            targets: &request.targets,
            out,
            device,
            device_name: request.device.to_string(),
            clock: Clock::start(state.costs.wall_seconds),
            logs: Logs::open(out, config, state.step)?,
            state,
            latents,
            trainer,
        };
        let trained = session.epochs().and_then(|()| session.finish());
        trained.map_err(|error| {
            if error.is::<Stopped>() || !checkpoint::has_any(out).unwrap_or(false) {
                return error;
            }
            // Whatever went wrong, what was saved before is still good.
            error.context(format!(
                "the run has ended early; its checkpoints are whole, and `trainer train --resume {}` goes on from the last",
                out.display()
            ))
        })
    }
}

type Vae<B> = Option<VaeEncoder<<B as AutodiffBackend>::InnerBackend>>;

/// A model at the start of its run: random, with published weights where they are named.
fn begin<B: AutodiffBackend>(
    config: &RunConfig,
    set: &TrainingSet,
    device: &B::Device,
) -> Result<(Trainer<B>, Vae<B>)> {
    B::seed(device, config.seed);
    let model = Dcac::<B>::new(&config.model, set.identities, device);
    let diffusion = config.model.diffusion.as_ref();
    let vae = diffusion.map(|diffusion| VaeEncoder::new(&diffusion.vae, device));
    let pretrained = config.weights.open(&config.model, &model, vae.as_ref())?;
    let (model, vae) = pretrained.load(model, vae)?;
    let model = model.hold_frozen(&config.model);
    Ok((Trainer::new(config, model, device), vae))
}

/// A model as a checkpoint left it.
fn reload<B: AutodiffBackend>(
    config: &RunConfig,
    set: &TrainingSet,
    run: &Path,
    folder: &Path,
    state: &Checkpoint,
    device: &B::Device,
) -> Result<(Trainer<B>, Vae<B>)> {
    let model = Dcac::<B>::new(&config.model, set.identities, device);
    let model = checkpoint::load(run, folder, model)?.hold_frozen(&config.model);
    let diffusion = config.model.diffusion.as_ref();
    let vae = diffusion
        .map(|diffusion| checkpoint::load_vae(run, VaeEncoder::new(&diffusion.vae, device)))
        .transpose()?;
    let mut trainer = Trainer::new(config, model, device);
    checkpoint::restore(folder, &mut trainer)?;
    trainer.scale = state.loss_scale.clone();
    Ok((trainer, vae))
}

/// Makes the run's folder; only now, when everything has been read, does the run exist.
fn found_run<B: AutodiffBackend>(
    config: &RunConfig,
    run: &Path,
    trainer: &Trainer<B>,
    vae: Option<&VaeEncoder<B::InnerBackend>>,
    record: &RunRecord,
) -> Result<()> {
    if RunState::of(run)? != RunState::Absent {
        // It was killed before its first checkpoint, and begins again.
        return Ok(());
    }
    let folder = NewFolder::create(run)?;
    let draft = folder.draft();
    files::write(
        &draft.join(checkpoint::CONFIG),
        config.to_toml()?.as_bytes(),
    )?;
    checkpoint::write_frozen(draft, &config.model, &trainer.model, vae)?;
    record.write(draft)?;
    folder.publish()
}

fn first_state(config: &RunConfig, set: &TrainingSet, sources: &[NamedData]) -> Result<Checkpoint> {
    Ok(Checkpoint {
        config: config.digest()?,
        epoch: 0,
        epoch_steps: 0,
        step: 0,
        identities: set.identities,
        images: set.images.len(),
        sources: (sources.iter())
            .map(|source| source.folder.display().to_string())
            .collect(),
        loss_scale: LossScale::new(config.model.precision),
        means: EpochMeans::default(),
        costs: Costs::default(),
        files: BTreeMap::new(),
    })
}

fn latent_cache<B: Backend>(
    run: &Path,
    config: &RunConfig,
    set: &TrainingSet,
    vae: Option<&VaeEncoder<B>>,
    device: &B::Device,
) -> Result<Option<LatentCache>> {
    let (Some(diffusion), Some(vae)) = (&config.model.diffusion, vae) else {
        return Ok(None);
    };
    // Runs in one folder, such as those of a table, share their latents.
    let folder = run.parent().unwrap_or(Path::new(""));
    let cache = LatentCache::open(folder, set, diffusion, vae, config, device)?;
    println!("latents scaled by {:.5}", cache.scale());
    Ok(Some(cache))
}
