//! `trainer bench`: how fast parts of the program are, by themselves, and whether devices agree.

mod agree;
mod encode;
mod eval;
mod index;
mod loader;
mod measurement;
mod step;
mod times;

use anyhow::Result;
use clap::{Args, Subcommand};

/// `trainer bench`.
#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Decode, augment and resize training images as fast as they can be taken
    Loader(loader::LoaderArgs),
    /// Train on random pictures: times of a step and its stages
    Step(step::StepArgs),
    /// Compare losses and gradients of a step on random pictures with those of another device
    Agree(agree::AgreeArgs),
    /// Embed random pictures
    Encode(encode::EncodeArgs),
    /// Evaluate and re-rank drawn embeddings
    Eval(eval::EvalArgs),
    /// Build an index of drawn embeddings; recall and time of queries
    Index(index::IndexBenchArgs),
}

/// Measures and prints.
pub fn run(args: &BenchArgs) -> Result<()> {
    match &args.part {
        Part::Loader(args) => loader::run(args),
        Part::Step(args) => step::run(args),
        Part::Agree(args) => agree::run(args),
        Part::Encode(args) => encode::run(args),
        Part::Eval(args) => eval::run(args),
        Part::Index(args) => index::run(args),
    }
}
