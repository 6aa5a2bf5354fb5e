//! Checkpoints: everything that a stopped run needs to go on as if it had not stopped.
//!
//! `checkpoints/step-N/` appears whole or not at all. It holds what training changes; what
//! it never changes is written once, as `checkpoints/frozen.safetensors`.

pub mod folders;
pub mod moments;
mod state;
mod transfer;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::dcac::{Dcac, DcacConfig};
use dcac_model::diffusion::VaeEncoder;
use dcac_model::loss::PrototypeMemory;
use dcac_model::weights::{Precision, Values, assign, shapes, values};

use super::step::Trainer;
use crate::config::RunConfig;
use crate::files::{self, NewFolder};
use crate::tensors::{Stored, TensorFile, Tensors, safetensors, write_safetensors};

pub use folders::{Which, has_any, prune, sweep};
pub use state::{Best, Checkpoint};
pub use transfer::{receive, send};

/// The resolved configuration's file within a run.
pub const CONFIG: &str = "config.toml";
const FROZEN: &str = "frozen.safetensors";
const WEIGHTS: &str = "model.safetensors";
const RESUME: &str = "resume.safetensors";
const STATE: &str = "state.json";
const MEMORY: &str = "memory";
const VAE: &str = "vae.";

/// Writes what training never changes: frozen weights and the VAE.
pub fn write_frozen<B: Backend, V: Backend>(
    run: &Path,
    config: &DcacConfig,
    model: &Dcac<B>,
    vae: Option<&VaeEncoder<V>>,
) -> Result<()> {
    let mut frozen = split(config, model).0;
    frozen.extend(vae.into_iter().flat_map(values).map(|mut tensor| {
        tensor.name.insert_str(0, VAE);
        tensor
    }));
    let path = folders::root(run).join(FROZEN);
    files::write_with(&path, |draft| {
        write_safetensors(draft, &frozen, Precision::F32, || ())
    })
}

/// Frozen tensors and those that change: the trained ones and the neck's statistics.
fn split<B: Backend>(config: &DcacConfig, model: &Dcac<B>) -> (Vec<Values>, Vec<Values>) {
    // Stored names differ from the module's for norms only, which are all trained or
    // frozen together with their layer.
    let fixed = |tensor: &Values| !config.trains(&tensor.name) && !tensor.name.contains("running_");
    values(model).into_iter().partition(fixed)
}

impl Checkpoint {
    /// Writes the checkpoint of a run at this state. Returns its folder.
    pub fn write<B: AutodiffBackend>(
        &mut self,
        run: &Path,
        trainer: &Trainer<B>,
    ) -> Result<PathBuf> {
        let path = folders::of_step(run, self.step);
        if path.is_dir() {
            // The same step of the same run holds the same numbers.
            return Ok(path);
        }
        let folder = NewFolder::create(&path)?;
        let mut write = |name: &str, tensors: &[Values]| -> Result<()> {
            let path = folder.draft().join(name);
            write_safetensors(&path, tensors, Precision::F32, || ())?;
            self.files.insert(name.to_string(), files::sha256(&path)?);
            Ok(())
        };
        let model = trainer.inference_model();
        write(WEIGHTS, &split(trainer.config(), &model).1)?;
        let mut resume = moments::values(&trainer.model, &trainer.optimizer);
        resume.push(memory_values(&trainer.memory));
        write(RESUME, &resume)?;
        files::write_json(&folder.draft().join(STATE), self)?;
        folder.publish()?;
        Ok(path)
    }

    /// The encoder and everything around it as a run's checkpoint has them.
    pub fn read<B: Backend>(
        run: &Path,
        which: &Which,
        device: &B::Device,
    ) -> Result<(Self, RunConfig, Dcac<B>)> {
        let config = read_config(run)?;
        let folder = folders::find(run, which)?;
        let state = Self::read_state(run, &folder)?;
        let model = Dcac::new(&config.model, state.identities, device);
        let model = load(run, &folder, model)?;
        Ok((state, config, model))
    }
}

/// The configuration of a run.
pub fn read_config(run: &Path) -> Result<RunConfig> {
    let path = run.join(CONFIG);
    if !path.is_file() {
        bail!(
            "{} is no run: it has no {CONFIG}; name a folder written by `trainer train`",
            run.display()
        );
    }
    RunConfig::read(&path, &[])
}

/// The newest checkpoint of a run, if it has one.
pub fn last_state(run: &Path) -> Result<Option<(PathBuf, Checkpoint)>> {
    if !has_any(run)? {
        return Ok(None);
    }
    let folder = folders::find(run, &Which::Last)?;
    let state = Checkpoint::read_state(run, &folder)?;
    Ok(Some((folder, state)))
}

/// Every tensor of a run's model at its last checkpoint, the VAE's under `vae.`.
pub fn tensors(run: &Path) -> Result<Tensors> {
    let (folder, _) =
        last_state(run)?.with_context(|| format!("{} has no checkpoint yet", run.display()))?;
    tensors_at(run, &folder)
}

fn tensors_at(run: &Path, folder: &Path) -> Result<Tensors> {
    let mut tensors = open(&folders::root(run).join(FROZEN))?;
    tensors.extend(open(&folder.join(WEIGHTS))?);
    Ok(tensors)
}

/// Fills a model from a checkpoint and the run's frozen weights.
pub fn load<B: Backend>(run: &Path, folder: &Path, model: Dcac<B>) -> Result<Dcac<B>> {
    let mut tensors = tensors_at(run, folder)?;
    tensors.retain(|name, _| !name.starts_with(VAE));
    fill(model, tensors, &folder.join(WEIGHTS))
}

/// Fills the VAE from the run's frozen weights.
pub fn load_vae<B: Backend>(run: &Path, vae: VaeEncoder<B>) -> Result<VaeEncoder<B>> {
    let path = folders::root(run).join(FROZEN);
    let tensors = (open(&path)?.into_iter())
        .filter_map(|(name, tensor)| Some((name.strip_prefix(VAE)?.to_string(), tensor)))
        .collect();
    fill(vae, tensors, &path)
}

/// Fills a module; every tensor of it must be there, and no other.
pub fn fill<B: Backend, M: burn::module::Module<B>>(
    module: M,
    tensors: Tensors,
    path: &Path,
) -> Result<M> {
    let missing: Vec<String> = (shapes(&module).into_keys())
        .filter(|name| !tensors.contains_key(name))
        .collect();
    if !missing.is_empty() {
        bail!(
            "{} is no checkpoint of this run: it lacks {}",
            path.display(),
            missing.join(", ")
        );
    }
    let values = tensors.into_iter().map(|(name, tensor)| Values {
        name,
        shape: tensor.shape.clone(),
        read: Box::new(move || tensor.read().map_err(|error| format!("{error:#}"))),
    });
    assign(module, values.collect())
        .with_context(|| format!("{} is no checkpoint of this run", path.display()))
}

/// Gives a trainer the optimiser's moments and the memory of a checkpoint.
pub fn restore<B: AutodiffBackend>(folder: &Path, trainer: &mut Trainer<B>) -> Result<()> {
    let path = folder.join(RESUME);
    let mut tensors = open(&path)?;
    let foreign = || format!("{} is no checkpoint of this run", path.display());
    let memory = (tensors.remove(MEMORY))
        .ok_or_else(|| anyhow!("it lacks `{MEMORY}`"))
        .and_then(|memory| read_memory(&memory))
        .with_context(foreign)?;
    trainer.memory = memory;
    let (model, optimizer) = (&trainer.model, trainer.optimizer.clone());
    trainer.optimizer =
        moments::restore(model, optimizer, &tensors, trainer.device()).with_context(foreign)?;
    Ok(())
}

fn memory_values(memory: &PrototypeMemory) -> Values {
    let prototypes = memory.as_slice().to_vec();
    Values {
        name: MEMORY.to_string(),
        shape: vec![prototypes.len() / memory.dim(), memory.dim()],
        read: Box::new(move || Ok(prototypes.clone())),
    }
}

fn read_memory(stored: &Stored) -> Result<PrototypeMemory> {
    let &[_, dim] = stored.shape.as_slice() else {
        bail!("`{MEMORY}` has the shape {:?}", stored.shape);
    };
    Ok(PrototypeMemory::from_prototypes(stored.read()?, dim))
}

/// The tensors of a file.
pub fn open(path: &Path) -> Result<Tensors> {
    safetensors(&TensorFile::open(path)?)
        .with_context(|| format!("{} is cut short or no checkpoint", path.display()))
}
