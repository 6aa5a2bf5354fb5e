//! `trainer train`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::run::{TrainRequest, run};
use crate::data::NamedData;
use crate::device::DeviceArgs;

/// `trainer train`.
#[derive(Args)]
pub struct TrainArgs {
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

/// Trains and evaluates.
pub fn command(args: TrainArgs) -> Result<()> {
    run(TrainRequest {
        config: args.config,
        data: args.data,
        targets: args.target,
        overrides: args.set,
        device: args.device.device,
        out: args.out,
    })
}
