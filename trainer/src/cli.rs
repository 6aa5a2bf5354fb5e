//! The command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::data::NamedData;
use crate::device::DeviceChoice;
use crate::files;
use crate::import::{self, Kind};
use crate::{evaluate, export, extract, info, rank, synth, train};
use dcac_model::weights::Precision;

/// Train, evaluate and export person re-identification models by DCAC.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLE)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
A whole round on synthetic people:
  trainer synth --out data/plaza --domain plaza
  trainer synth --out data/campus --domain campus
  trainer train --config trainer/configs/tiny-dcac.toml --data market1501=data/plaza \\
                --target market1501=data/campus --out runs/first
  trainer export --run runs/first --out models/first
  trainer evaluate --model models/first --data market1501=data/campus
  trainer rank --model models/first --query person.jpg --gallery crops/";

#[derive(Subcommand)]
enum Command {
    /// Draw a synthetic domain of pedestrians in the Market-1501 layout
    Synth(SynthArgs),
    /// Train by DCAC, or its baseline, and evaluate at the end
    Train(TrainArgs),
    /// Print CMC and mAP of an exported model on a test set
    Evaluate(EvaluateArgs),
    /// Rank a folder of crops by likeness to one crop
    Rank(RankArgs),
    /// Write the embeddings of a folder of crops to a safetensors file
    Extract(ExtractArgs),
    /// Write a trained encoder as a model folder
    Export(ExportArgs),
    /// Turn CLIP, Stable Diffusion or an official DCAC checkpoint into this program's files
    Import(ImportArgs),
    /// Print parameters and operations of a configuration
    Info(InfoArgs),
}

#[derive(Args)]
#[command(after_help = synth_help())]
struct SynthArgs {
    /// Folder to create; refused if it holds anything
    #[arg(long)]
    out: PathBuf,
    /// Which cameras and clothes (see below)
    #[arg(long, default_value = "plaza")]
    domain: String,
    /// Identities in all; half are for training, half for testing
    #[arg(long, default_value_t = 120)]
    ids: usize,
    /// Images per identity, over all its cameras
    #[arg(long, default_value_t = 16)]
    images_per_id: usize,
    /// Cameras; the domain's own number unless given
    #[arg(long)]
    cameras: Option<usize>,
    /// The same seed draws the same bytes
    #[arg(long, default_value_t = 1234)]
    seed: u64,
}

fn synth_help() -> String {
    let lines: Vec<String> = synth::domains()
        .iter()
        .map(|domain| format!("  {:<8} {}", domain.name, domain.description))
        .collect();
    format!("Domains:\n{}", lines.join("\n"))
}

/// Where the numbers are computed.
#[derive(Args)]
pub struct DeviceArgs {
    /// cpu, wgpu, cuda or cuda:N; all but the first need a build with that cargo feature
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

#[derive(Args)]
struct TrainArgs {
    /// TOML file, such as trainer/configs/tiny-dcac.toml
    #[arg(long)]
    config: PathBuf,
    /// Training data as NAME=DIR; several are merged (NAME: market1501)
    #[arg(long, required = true)]
    data: Vec<NamedData>,
    /// Unseen data to evaluate on at the end, as NAME=DIR; the training data's own
    /// test split unless given
    #[arg(long)]
    target: Vec<NamedData>,
    /// Override a key of the configuration, such as optim.base_lr=1e-5
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Folder to create for the run
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct EvaluateArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Test set as NAME=DIR (NAME: market1501)
    #[arg(long)]
    data: NamedData,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
struct RankArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// JPEG or PNG crop to look for
    #[arg(long)]
    query: PathBuf,
    /// Folder of JPEG or PNG crops
    #[arg(long)]
    gallery: PathBuf,
    /// How many to print and write; all unless given
    #[arg(long)]
    top: Option<usize>,
    /// Write the ranking to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
struct ExtractArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Folder of JPEG or PNG crops
    #[arg(long)]
    images: PathBuf,
    /// File to write
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
struct ExportArgs {
    /// Folder written by `trainer train`
    #[arg(long)]
    run: PathBuf,
    /// Folder to create
    #[arg(long)]
    out: PathBuf,
    /// f16 or f32
    #[arg(long, default_value = "f32", value_parser = precision)]
    dtype: Precision,
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f16" => Ok(Precision::F16),
        "f32" => Ok(Precision::F32),
        other => Err(format!("`{other}` is no number format; choose f16 or f32")),
    }
}

#[derive(Args)]
struct ImportArgs {
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
    #[arg(long, default_value = "f32", value_parser = precision)]
    dtype: Precision,
}

#[derive(Args)]
struct InfoArgs {
    /// TOML file
    #[arg(long)]
    config: PathBuf,
    /// Training identities; Market-1501 has 751
    #[arg(long, default_value_t = 751)]
    identities: usize,
    /// Override a key of the configuration
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Write the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Synth(args) => draw(args),
            Command::Train(args) => train::run(train::TrainRequest {
                config: args.config,
                data: args.data,
                targets: args.target,
                overrides: args.set,
                device: args.device.device,
                out: args.out,
            }),
            Command::Evaluate(args) => evaluate::run(
                &args.model,
                &args.data,
                args.json.as_deref(),
                args.device.device,
            ),
            Command::Rank(args) => rank::run(&rank::RankRequest {
                model: args.model,
                query: args.query,
                gallery: args.gallery,
                top: args.top,
                json: args.json,
                device: args.device.device,
            }),
            Command::Extract(args) => {
                extract::run(&args.model, &args.images, &args.out, args.device.device)
            }
            Command::Export(args) => export::run(&args.run, &args.out, args.dtype),
            Command::Import(args) => import::run(&import::ImportRequest {
                kind: args.kind,
                from: args.from,
                out: args.out,
                config: args.config,
                precision: args.dtype,
            }),
            Command::Info(args) => info::run(
                &args.config,
                &args.set,
                args.identities,
                args.json.as_deref(),
            ),
        }
    }
}

fn draw(args: SynthArgs) -> Result<()> {
    let config = synth::SynthConfig {
        out: args.out,
        domain: args.domain,
        ids: args.ids,
        images_per_id: args.images_per_id,
        cameras: args.cameras,
        seed: args.seed,
    };
    let bar = files::progress("drawing", 0);
    let summary = synth::generate(&config, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    println!(
        "drew {} training images of {} identities, {} queries and {} gallery images of {} others\n{}",
        summary.train,
        summary.train_ids,
        summary.query,
        summary.gallery,
        summary.test_ids,
        config.out.display()
    );
    Ok(())
}
