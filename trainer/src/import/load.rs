//! `[weights]`: published weights in place of random ones, before training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::backend::Backend;
use dcac_model::dcac::{Dcac, DcacConfig};
use dcac_model::diffusion::{FineTune, VaeEncoder};
use dcac_model::weights::{Values, assign, shapes};
use serde::{Deserialize, Serialize};

use super::files::{self, Kind};
use super::own;
use super::plan::{Plan, Planned, Sorted};

/// Files or folders to begin with; paths count from the working folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeightsConfig {
    /// CLIP, for the encoder.
    pub clip: Option<PathBuf>,
    /// Stable Diffusion, for U-Net and VAE.
    pub sd: Option<PathBuf>,
    /// A run or an exported model of this program: encoder with its neck, and the U-Net
    /// and VAE that a run of DCAC has.
    pub start: Option<PathBuf>,
}

impl WeightsConfig {
    /// Looks at the files, reads no numbers yet, and says what it found.
    pub fn open<B: Backend, V: Backend>(
        &self,
        config: &DcacConfig,
        model: &Dcac<B>,
        vae: Option<&VaeEncoder<V>>,
    ) -> Result<Pretrained> {
        let wanted = wanted(model, vae);
        let mut plans = Vec::new();
        if let Some(diffusion) = &config.diffusion
            && self.sd.is_none()
            && self.start.is_none()
            && diffusion.fine_tune != FineTune::Scratch
        {
            println!("warning: the diffusion model has random weights; set weights.sd");
        }
        let published = [(Kind::Clip, &self.clip), (Kind::Sd, &self.sd)];
        for (kind, path) in published {
            // The baseline has no use for a diffusion model.
            let used = kind == Kind::Clip || config.diffusion.is_some();
            let Some(path) = path.as_ref().filter(|_| used) else {
                continue;
            };
            let mut sorted = files::open(kind, path, config)?;
            leave_scratch(&mut sorted, config);
            let plan =
                plan(kind, sorted, config, &wanted).with_context(|| path.display().to_string())?;
            println!("{}: {}", path.display(), plan.summary());
            plans.push((path.clone(), plan));
        }
        if let Some(path) = &self.start {
            let mut sorted = own::open(path, config.diffusion.is_some())?;
            leave_scratch(&mut sorted, config);
            let mut wanted = wanted;
            wanted.retain(|name, _| {
                name.starts_with("encoder.")
                    || sorted.has(name)
                    || (is_stable_diffusion(name) && sorted.has(root_of(name)))
            });
            let plan = (sorted.plan(&wanted, config.encoder.vit.grid()))
                .with_context(|| path.display().to_string())?;
            println!("{}: {}", path.display(), plan.summary());
            plans.push((path.clone(), plan));
        }
        Ok(Pretrained { plans })
    }
}

fn from_scratch(config: &DcacConfig) -> bool {
    let diffusion = config.diffusion.as_ref();
    diffusion.is_some_and(|diffusion| diffusion.fine_tune == FineTune::Scratch)
}

/// A U-Net that is trained from scratch begins with random weights; its VAE does not.
fn leave_scratch(sorted: &mut Sorted, config: &DcacConfig) {
    if from_scratch(config) {
        sorted.leave_out(UNET, "of the U-Net, which is trained from scratch");
    }
}

/// Plans all of the `wanted` tensors that such published weights have.
pub fn plan(
    kind: Kind,
    sorted: Sorted,
    config: &DcacConfig,
    wanted: &BTreeMap<String, Vec<usize>>,
) -> Result<Plan> {
    // A checkpoint of DCAC may lack the co-training's parts, but none of them halfway.
    let whole_part = |name: &str| sorted.has(root_of(name));
    let has = |name: &str| match kind {
        Kind::Clip => name.starts_with("encoder.vit."),
        Kind::Sd => is_stable_diffusion(name) && !(from_scratch(config) && name.starts_with(UNET)),
        Kind::Dcac => name.starts_with("encoder.") || whole_part(name),
    };
    let mut wanted = wanted.clone();
    wanted.retain(|name, _| has(name));
    sorted.plan(&wanted, config.encoder.vit.grid())
}

/// The part of the model that a tensor belongs to, with its dot.
fn root_of(name: &str) -> &str {
    name.split_inclusive('.').next().unwrap_or(name)
}

/// What Stable Diffusion has: neither adapters nor the biases that come with them.
fn is_stable_diffusion(name: &str) -> bool {
    let projection_bias = ["to_q.bias", "to_k.bias", "to_v.bias"];
    let added = name.contains(".lora_") || projection_bias.iter().any(|end| name.ends_with(end));
    name.starts_with("vae.") || (name.starts_with(UNET) && !added)
}

/// Names and shapes of everything that can be loaded.
pub fn wanted<B: Backend, V: Backend>(
    model: &Dcac<B>,
    vae: Option<&VaeEncoder<V>>,
) -> BTreeMap<String, Vec<usize>> {
    let mut wanted = shapes(model);
    if let Some(vae) = vae {
        let vae = shapes(vae).into_iter();
        wanted.extend(vae.map(|(name, shape)| (format!("{VAE}{name}"), shape)));
    }
    wanted
}

const VAE: &str = "vae.";
const UNET: &str = "guidance.unet.";

/// Weights that have been found and fit.
pub struct Pretrained {
    plans: Vec<(PathBuf, Plan)>,
}

impl Pretrained {
    /// Puts them into the model, and into the VAE if there is one.
    pub fn load<B: Backend, V: Backend>(
        self,
        mut model: Dcac<B>,
        mut vae: Option<VaeEncoder<V>>,
    ) -> Result<(Dcac<B>, Option<VaeEncoder<V>>)> {
        for (path, plan) in self.plans {
            let (of_vae, of_model) =
                (plan.tensors.into_iter()).partition(|tensor| tensor.name.starts_with(VAE));
            let failed = || path.display().to_string();
            model = fill(model, of_model, "").with_context(failed)?;
            if let Some(random) = vae {
                vae = Some(fill(random, of_vae, VAE).with_context(failed)?);
            }
        }
        Ok((model, vae))
    }
}

/// Fills the tensors of a module that stands under `prefix`.
pub fn fill<B: Backend, M: Module<B>>(module: M, tensors: Vec<Planned>, prefix: &str) -> Result<M> {
    let values: Vec<Values> = (tensors.into_iter())
        .filter_map(|tensor| {
            let name = tensor.name.strip_prefix(prefix)?.to_string();
            Some(tensor.into_values(name))
        })
        .collect();
    Ok(assign(module, values)?)
}
