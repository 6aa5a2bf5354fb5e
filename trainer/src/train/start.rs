//! How the replicas of a run come to the same first state: the one that leads makes it, or
//! reads it from a checkpoint; the others load what it has saved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::VaeEncoder;
use tempfile::TempDir;

use super::checkpoint::{self, Checkpoint};
use super::cost::Costs;
use super::identities;
use super::latents::LatentCache;
use super::loss_scale::LossScale;
use super::metrics::EpochMeans;
use super::record::{RunRecord, RunState};
use super::request::TrainRequest;
use super::step::Trainer;
use crate::config::RunConfig;
use crate::data::{NamedData, TrainingSet};
use crate::files::{self, NewFolder};
use crate::parallel::Group;

/// The first replica of a process, and what it shares with the others.
pub struct Start<B: AutodiffBackend> {
    /// Model, optimiser and memory.
    pub trainer: Trainer<B>,
    /// The rest.
    pub shared: Shared,
}

/// What all replicas of a process begin with.
pub struct Shared {
    /// Where the run stands.
    pub state: Checkpoint,
    /// Latents; none for the baseline.
    pub latents: Option<LatentCache>,
    /// The state's files; none if there is no other replica.
    saved: Option<Saved>,
}

/// The files of a state.
struct Saved {
    /// Folder of the run, for what is never trained.
    run: PathBuf,
    /// Folder of the checkpoint.
    folder: PathBuf,
    /// Removed at the end.
    _temporary: Option<TempDir>,
}

type Vae<B> = Option<VaeEncoder<<B as AutodiffBackend>::InnerBackend>>;

impl<B: AutodiffBackend> Start<B> {
    /// The start of a request's run.
    pub fn of(
        request: &TrainRequest,
        set: &TrainingSet,
        record: &RunRecord,
        group: &Group,
        device: &B::Device,
    ) -> Result<Self> {
        let config = &request.config;
        for source in &set.sources {
            println!("{source}");
        }
        println!(
            "{} images of {} identities, {}{}",
            set.images.len(),
            set.identities,
            config.method(),
            match group.size() {
                1 => String::new(),
                size => format!(", {size} replicas"),
            }
        );
        match &request.out {
            Some(out) => Self::lead(config, set, &request.data, record, out, group, device),
            None => Self::follow(config, set, group, device),
        }
    }

    /// Makes or resumes the run in `out`.
    fn lead(
        config: &RunConfig,
        set: &TrainingSet,
        sources: &[NamedData],
        record: &RunRecord,
        out: &Path,
        group: &Group,
        device: &B::Device,
    ) -> Result<Self> {
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
                let trainer = reload(config, set, out, folder, state, group, device)?;
                (trainer, reload_vae::<B>(config, out, device)?)
            }
            None => begin(config, set, group, device)?,
        };
        // Runs in one folder, such as those of a table, share their latents.
        let latents = latent_cache(out.parent(), config, set, vae.as_ref(), device)?;
        let (state, saved) = match resumed {
            Some((folder, state)) => (state, Some((folder, None))),
            None => {
                found_run(config, out, &trainer, vae.as_ref(), set, record)?;
                let state = first_state(config, set, sources)?;
                let saved = if group.size() == 1 {
                    None
                } else {
                    let temporary = tempfile::tempdir()?;
                    let folder = state.clone().write(temporary.path(), &trainer)?;
                    Some((folder, Some(temporary)))
                };
                (state, saved)
            }
        };
        if let (Some(link), Some((folder, _))) = (group.link(), &saved) {
            checkpoint::send(link, out, folder)?;
        }
        let saved = saved.map(|(folder, temporary)| Saved {
            run: out.to_path_buf(),
            folder,
            _temporary: temporary,
        });
        let shared = Shared {
            state,
            latents,
            saved,
        };
        Ok(Self { trainer, shared })
    }

    /// Takes over the state that node 0 has.
    fn follow(
        config: &RunConfig,
        set: &TrainingSet,
        group: &Group,
        device: &B::Device,
    ) -> Result<Self> {
        let Some(link) = group.link() else {
            bail!("there is no node that leads");
        };
        let temporary = tempfile::tempdir()?;
        let run = temporary.path().to_path_buf();
        let (folder, state) = checkpoint::receive(link, &run)?;
        println!("begins with the state of node 0, which reports and writes the run");
        let trainer = reload(config, set, &run, &folder, &state, group, device)?;
        let vae = reload_vae::<B>(config, &run, device)?;
        let shared = Shared {
            state,
            latents: latent_cache(None, config, set, vae.as_ref(), device)?,
            saved: Some(Saved {
                run,
                folder,
                _temporary: Some(temporary),
            }),
        };
        Ok(Self { trainer, shared })
    }
}

impl Shared {
    /// Another replica in this state.
    pub fn trainer<B: AutodiffBackend>(
        &self,
        config: &RunConfig,
        set: &TrainingSet,
        group: &Group,
        device: &B::Device,
    ) -> Result<Trainer<B>> {
        let Some(saved) = &self.saved else {
            bail!("the first state was not saved for other replicas");
        };
        let (run, folder) = (&saved.run, &saved.folder);
        reload(config, set, run, folder, &self.state, group, device)
    }
}

/// A model at the start of its run: random, with published weights where they are named.
fn begin<B: AutodiffBackend>(
    config: &RunConfig,
    set: &TrainingSet,
    group: &Group,
    device: &B::Device,
) -> Result<(Trainer<B>, Vae<B>)> {
    B::seed(device, config.seed);
    let model = Dcac::<B>::new(&config.model, set.identities, device);
    let diffusion = config.model.diffusion.as_ref();
    let vae = diffusion.map(|diffusion| VaeEncoder::new(&diffusion.vae, device));
    let pretrained = config.weights.open(&config.model, &model, vae.as_ref())?;
    let (model, vae) = pretrained.load(model, vae)?;
    let model = model.hold_frozen(&config.model);
    let trainer = Trainer::new(config, model, group.clone(), device);
    Ok((trainer, vae))
}

/// A model as a checkpoint left it.
fn reload<B: AutodiffBackend>(
    config: &RunConfig,
    set: &TrainingSet,
    run: &Path,
    folder: &Path,
    state: &Checkpoint,
    group: &Group,
    device: &B::Device,
) -> Result<Trainer<B>> {
    let model = Dcac::<B>::new(&config.model, set.identities, device);
    let model = checkpoint::load(run, folder, model)?.hold_frozen(&config.model);
    let mut trainer = Trainer::new(config, model, group.clone(), device);
    checkpoint::restore(folder, &mut trainer)?;
    trainer.scale = state.loss_scale.clone();
    Ok(trainer)
}

/// The VAE that a run began with.
fn reload_vae<B: AutodiffBackend>(
    config: &RunConfig,
    run: &Path,
    device: &B::Device,
) -> Result<Vae<B>> {
    let diffusion = config.model.diffusion.as_ref();
    diffusion
        .map(|diffusion| checkpoint::load_vae(run, VaeEncoder::new(&diffusion.vae, device)))
        .transpose()
}

/// Makes the run's folder; only now, when everything has been read, does the run exist.
fn found_run<B: AutodiffBackend>(
    config: &RunConfig,
    run: &Path,
    trainer: &Trainer<B>,
    vae: Option<&VaeEncoder<B::InnerBackend>>,
    set: &TrainingSet,
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
    identities::write(draft, set)?;
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

/// Latents of all training images, kept in `folder` if one is given; none for the baseline.
fn latent_cache<B: Backend>(
    folder: Option<&Path>,
    config: &RunConfig,
    set: &TrainingSet,
    vae: Option<&VaeEncoder<B>>,
    device: &B::Device,
) -> Result<Option<LatentCache>> {
    let (Some(diffusion), Some(vae)) = (&config.model.diffusion, vae) else {
        return Ok(None);
    };
    let cache = LatentCache::open(folder, set, diffusion, vae, config, device)?;
    println!("latents scaled by {:.5}", cache.scale());
    Ok(Some(cache))
}
