//! `trainer train`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::run::{TrainRequest, run};
use crate::config::RunConfig;
use crate::data::{self, NamedData};
use crate::device::DeviceArgs;

/// `trainer train`.
#[derive(Args)]
#[command(after_help = data::HELP)]
pub struct TrainArgs {
    /// TOML file, such as trainer/configs/tiny-dcac.toml
    #[arg(long, required_unless_present = "resume")]
    config: Option<PathBuf>,
    /// Training data as NAME=DIR (see below); several are merged
    #[arg(long, required_unless_present = "resume")]
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
    #[arg(long, required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with a run that was stopped, with its own configuration and data
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "data", "target", "set", "out"])]
    resume: Option<PathBuf>,
}

/// Trains and evaluates.
pub fn command(args: TrainArgs) -> Result<()> {
    let device = args.device.device;
    let request = match (args.resume, args.config, args.out) {
        (Some(run), _, _) => TrainRequest::resume(run, device)?,
        (None, Some(config), Some(out)) => TrainRequest {
            config: RunConfig::read(&config, &args.set)?,
            data: args.data,
            targets: args.target,
            device,
            out,
            resume: false,
        },
        _ => bail!("expected --config, --data and --out, or --resume"),
    };
    run(request)
}
