//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    bench, doctor, evaluate, export, extract, gradcam, import, index, info, parallel, pretrain,
    rank, report, reproduce, synth, train,
};

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
    Synth(synth::SynthArgs),
    /// Look at every image of a data set and say what is wrong with it
    Doctor(doctor::DoctorArgs),
    /// Make small weights to begin a training with, from drawn people
    Pretrain(pretrain::PretrainArgs),
    /// Train by DCAC, or its baseline, and evaluate at the end
    Train(train::TrainArgs),
    /// Run the rows of one of the paper's tables and set them beside its figures
    Reproduce(reproduce::ReproduceArgs),
    /// Let several nodes train together
    Coordinate(parallel::CoordinateArgs),
    /// Show which parts of pictures speak for a training identity (Grad-CAM)
    Gradcam(gradcam::GradcamArgs),
    /// Measure an exported model on a test set; find out what its scores mean
    Evaluate(evaluate::EvaluateArgs),
    /// Rank a folder of crops by likeness to one or several
    Rank(rank::RankArgs),
    /// Write the embeddings of a folder of crops: safetensors, NumPy or Parquet
    Extract(extract::ExtractArgs),
    /// Build or update an index of embeddings, for galleries of millions
    Index(index::IndexArgs),
    /// Look for crops in an index
    Search(index::SearchArgs),
    /// Write a trained encoder as a model folder: its weights, or an ONNX file
    Export(export::ExportArgs),
    /// Turn CLIP, Stable Diffusion or an official DCAC checkpoint into this program's files
    Import(import::ImportArgs),
    /// Write the page of a finished run again: curves, figures, queries in pictures
    Report(report::ReportArgs),
    /// Measure how fast parts of this program are, and whether devices agree
    Bench(bench::BenchArgs),
    /// Print parameters and operations of a configuration
    Info(info::InfoArgs),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Synth(args) => synth::run(args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Pretrain(args) => pretrain::run(args),
            Command::Train(args) => train::command(args),
            Command::Reproduce(args) => reproduce::run(&args),
            Command::Coordinate(args) => parallel::coordinate(&args),
            Command::Gradcam(args) => gradcam::run(&args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Rank(args) => rank::run(&args),
            Command::Extract(args) => extract::run(&args),
            Command::Index(args) => index::build(&args),
            Command::Search(args) => index::search(&args),
            Command::Export(args) => export::run(&args),
            Command::Import(args) => import::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Info(args) => info::run(&args),
        }
    }
}
