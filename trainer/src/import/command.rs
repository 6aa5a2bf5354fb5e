//! `trainer import`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::backend::Flex;
use clap::Args;
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::{FineTune, VaeEncoder};
use dcac_model::reid::ReidEncoder;
use dcac_model::weights::{Precision, Values, unet_to_diffusers, vae_to_diffusers};
use serde_json::json;

use super::files::{self as published, Kind};
use super::load::{fill, plan, wanted};
use super::plan::Planned;
use crate::config::RunConfig;
use crate::files::{self, NewFolder};
use crate::model_dir::{self, Format};
use crate::progress;
use crate::tensors::write_safetensors;

/// `trainer import`.
#[derive(Args)]
pub struct ImportArgs {
    /// What the weights are of
    #[arg(long)]
    kind: Kind,
    /// File or folder to read; nothing in it is ever executed
    #[arg(long)]
    from: PathBuf,
    /// Folder to create
    #[arg(long)]
    out: PathBuf,
    /// TOML file with the model's sizes; CLIP ViT-B/16 and Stable Diffusion v1.5 unless given
    #[arg(long)]
    config: Option<PathBuf>,
    /// f16 or f32
    #[arg(long, default_value = "f32", value_parser = model_dir::precision)]
    dtype: Precision,
}

/// The sizes of CLIP ViT-B/16 and Stable Diffusion v1.5.
const PAPER: &str = include_str!("../../configs/single-source/market1501-dcac.toml");

/// What training adds to the encoder: classifier, prompts, U-Net with its adapters.
const TRAINING: &str = "training.safetensors";

/// Writes an encoder as a model folder, Stable Diffusion as a folder of diffusers.
/// Numbers go from file to file, one tensor at a time.
pub fn run(args: &ImportArgs) -> Result<()> {
    files::require_new(&args.out)?;
    let mut config = match &args.config {
        Some(path) => RunConfig::read(path, &[])?,
        None => RunConfig::parse(PAPER, "the paper's configuration")?,
    };
    let sorted = published::open(args.kind, &args.from, &config.model)?;
    let mut identities = 1;
    if args.kind == Kind::Dcac {
        identities = sorted.rows("classifier.fc.weight").unwrap_or(1);
        if !sorted.has("guidance.") {
            config.model.diffusion = None;
        }
        // How it was fine-tuned shows in what there is.
        if let Some(diffusion) = &mut config.model.diffusion {
            let rank = sorted.rows(".to_q.lora_a");
            diffusion.fine_tune = rank.map_or(FineTune::Full, |_| FineTune::Lora);
            diffusion.rank = rank.unwrap_or(diffusion.rank);
            diffusion.adapt_output = sorted.rows(".ff.out.lora_a").is_some();
            diffusion.attention_bias = sorted.rows(".to_q.bias").is_some();
        }
    }
    let device = Default::default();
    let model = Dcac::<Flex>::new(&config.model, identities, &device);
    let vae = match (args.kind, &config.model.diffusion) {
        (Kind::Sd, Some(diffusion)) => Some(VaeEncoder::<Flex>::new(&diffusion.vae, &device)),
        (Kind::Sd, None) => bail!("the configuration has no [diffusion] to take the sizes from"),
        _ => None,
    };
    let wanted = wanted(&model, vae.as_ref());
    let named = || args.from.display().to_string();
    let plan = plan(args.kind, sorted, &config.model, &wanted).with_context(named)?;
    let summary = plan.summary();
    let folder = NewFolder::create(&args.out)?;
    if args.kind == Kind::Sd {
        stable_diffusion(folder.draft(), plan.tensors, args.dtype)?;
    } else {
        let (encoder, rest): (Vec<Planned>, Vec<Planned>) =
            (plan.tensors.into_iter()).partition(|tensor| tensor.name.starts_with("encoder."));
        let config = &config.model.encoder;
        // CLIP has no neck: a new one leaves embeddings as they are, up to its epsilon.
        let encoder = fill(
            ReidEncoder::<Flex>::new(config, &device),
            encoder,
            "encoder.",
        )
        .with_context(named)?;
        let provenance = json!({
            "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
            "method": match args.kind { Kind::Dcac => "DCAC", _ => "CLIP, not trained for re-ID" },
            "imported_from": files::name(&args.from),
        });
        model_dir::write(
            folder.draft(),
            &encoder,
            config,
            Format::Safetensors,
            args.dtype,
            model_dir::facts(json!([]), provenance),
        )?;
        if !rest.is_empty() {
            write(
                &folder.draft().join(TRAINING),
                rest,
                str::to_string,
                args.dtype,
            )?;
        }
    }
    folder.publish()?;
    println!("{summary}\n{}", args.out.display());
    Ok(())
}

/// A name of this project to one of another.
type Rename = fn(&str) -> String;

fn stable_diffusion(folder: &Path, mut tensors: Vec<Planned>, precision: Precision) -> Result<()> {
    let parts: [(&str, &str, Rename); 2] = [
        ("unet", "guidance.unet.", unet_to_diffusers),
        ("vae", "vae.", vae_to_diffusers),
    ];
    for (part, prefix, rename) in parts {
        let (chosen, others) =
            (tensors.into_iter()).partition(|tensor| tensor.name.starts_with(prefix));
        tensors = others;
        let folder = folder.join(part);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("diffusion_pytorch_model.safetensors");
        let rename = |name: &str| rename(name.strip_prefix(prefix).unwrap_or(name));
        write(&path, chosen, rename, precision)?;
    }
    Ok(())
}

fn write(
    path: &Path,
    tensors: Vec<Planned>,
    rename: impl Fn(&str) -> String,
    precision: Precision,
) -> Result<()> {
    let bar = progress::bar("writing", tensors.len());
    let values: Vec<Values> = (tensors.into_iter())
        .map(|tensor| {
            let name = rename(&tensor.name);
            tensor.into_values(name)
        })
        .collect();
    write_safetensors(path, &values, precision, || bar.inc(1))?;
    bar.finish_and_clear();
    Ok(())
}
