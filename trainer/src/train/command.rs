//! `trainer train`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::request::TrainRequest;
use super::run::run;
use crate::config::RunConfig;
use crate::data::{self, NamedData};
use crate::device::DeviceChoice;
use crate::parallel::{Node, NodeArgs};

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
    /// cpu, wgpu, cuda or cuda:N, or several such as cuda:0,cuda:1 to train one replica on
    /// each; all but the first need a build with that cargo feature
    #[arg(long, default_value = "cpu", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
    #[command(flatten)]
    node: NodeArgs,
    /// Folder to create for the run; on node 0 alone if there are several
    #[arg(long, required_unless_present_any = ["resume", "node"])]
    out: Option<PathBuf>,
    /// Go on with a run that was stopped, with its own configuration and data
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "data", "target", "set", "out"])]
    resume: Option<PathBuf>,
}

/// Trains and evaluates.
pub fn command(args: TrainArgs) -> Result<()> {
    let (devices, node) = (args.device, args.node.node()?);
    let leads = node.as_ref().is_none_or(Node::leads);
    let request = match (args.resume, args.config) {
        (Some(run), _) => TrainRequest::resume(run, devices, node)?,
        (None, Some(config)) => {
            match (&args.out, leads) {
                (None, true) => bail!("node 0 writes the run; name its folder with --out"),
                (Some(_), false) => bail!("node 0 alone writes the run; leave --out out"),
                _ => (),
            }
            TrainRequest {
                config: RunConfig::read(&config, &args.set)?,
                data: args.data,
                targets: args.target,
                devices,
                node,
                out: args.out,
                resume: false,
            }
        }
        _ => bail!("expected --config, --data and --out, or --resume"),
    };
    run(request)
}
