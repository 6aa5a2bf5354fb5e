//! A trained encoder as a model folder, or a model folder in another format.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::backend::Flex;
use clap::Args;
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::Precision;
use serde_json::{Map, Value, json};

use crate::classifier::TrainedClassifier;
use crate::files::{self, NewFolder};
use crate::model_dir::{self, Format};
use crate::train::{Checkpoint, Which, evaluation_at};

/// `trainer export`.
#[derive(Args)]
pub struct ExportArgs {
    #[command(flatten)]
    source: Source,
    /// Folder to create
    #[arg(long)]
    out: PathBuf,
    /// last, best (of those evaluated while training) or step-N
    #[arg(long, default_value = "last", conflicts_with = "model")]
    checkpoint: Which,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Safetensors)]
    format: Format,
    /// f16 or f32
    #[arg(long, default_value = "f32", value_parser = model_dir::precision)]
    dtype: Precision,
    /// Adds the training identities' classifier and their list: classifier.safetensors,
    /// identities.json
    #[arg(long)]
    with_classifier: bool,
    /// Embeds every crop and its mirror image, and takes the mean (FastReID's TEST.FLIP): finds
    /// more in twice the time. Figures and calibration of a model without it are left out
    #[arg(long)]
    flip: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Folder written by `trainer train`
    #[arg(long)]
    run: Option<PathBuf>,
    /// Folder written by `trainer export` or `trainer import`
    #[arg(long)]
    model: Option<PathBuf>,
}

/// An encoder, its classifier if that is wanted, and what its manifest says beside its file.
struct Found {
    config: EncoderConfig,
    encoder: ReidEncoder<Flex>,
    classifier: Option<TrainedClassifier>,
    facts: Map<String, Value>,
}

/// Writes the encoder of a run or of a model folder as a model folder.
pub fn run(args: &ExportArgs) -> Result<()> {
    let out = &args.out;
    files::require_new(out)?;
    let wanted = args.with_classifier;
    if wanted && args.format == Format::Onnx {
        bail!(
            "an ONNX file holds the encoder alone; --with-classifier goes with --format safetensors"
        );
    }
    let mut found = match (&args.source.run, &args.source.model) {
        (Some(run), _) => of_run(run, &args.checkpoint, wanted)?,
        (_, Some(model)) => of_model(model, wanted)?,
        (None, None) => bail!("name a run or a model"),
    };
    if args.flip && !found.config.flip {
        found.config.flip = true;
        for of_other_embeddings in ["metrics", "calibration", "calibration_normalized"] {
            found.facts.remove(of_other_embeddings);
        }
    }
    let folder = NewFolder::create(out)?;
    let bytes = model_dir::write(
        folder.draft(),
        &found.encoder,
        &found.config,
        args.format,
        args.dtype,
        found.facts,
    )?;
    if let Some(classifier) = found.classifier {
        classifier.write(folder.draft(), args.dtype)?;
    }
    folder.publish()?;
    println!("{bytes} bytes of weights\n{}", out.display());
    Ok(())
}

fn of_run(run: &Path, checkpoint: &Which, with_classifier: bool) -> Result<Found> {
    let (state, config, model) = Checkpoint::read::<Flex>(run, checkpoint, &Default::default())?;
    let provenance = json!({
        "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
        "method": if config.model.diffusion.is_some() { "DCAC" } else { "baseline" },
        "seed": config.seed,
        "epochs": state.epoch,
        "steps": state.step,
        "identities": state.identities,
        "images": state.images,
        "sources": state.sources,
    });
    let classifier = with_classifier.then(|| TrainedClassifier::of_run(run, &model));
    Ok(Found {
        config: config.model.encoder,
        classifier: classifier.transpose()?,
        encoder: model.encoder,
        facts: model_dir::facts(evaluation_at(run, state.step)?, provenance),
    })
}

fn of_model(folder: &Path, with_classifier: bool) -> Result<Found> {
    let (config, bytes) = model_dir::read(folder)?;
    let path = folder.join(model_dir::WEIGHTS);
    let encoder = ReidEncoder::load(&config, &bytes, &Default::default())
        .with_context(|| format!("cannot load {}", path.display()))?;
    let classifier = with_classifier.then(|| TrainedClassifier::of_model(folder));
    Ok(Found {
        config,
        classifier: classifier.transpose()?,
        encoder,
        facts: model_dir::read_facts(folder)?,
    })
}
