//! `trainer pretrain`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::diffusion::DiffusionJob;
use super::settings::{Course, Kind, Settings};
use super::vision::VisionJob;
use crate::config::RunConfig;
use crate::device::{DeviceArgs, dispatch};
use crate::synth::Endless;
use crate::{files, stop};

/// `trainer pretrain`.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct PretrainArgs {
    #[command(subcommand)]
    what: What,
}

const EXAMPLE: &str = "\
Both, and a training that begins with them:
  trainer pretrain vision    --config trainer/configs/small-dcac.toml --out models/vision
  trainer pretrain diffusion --config trainer/configs/small-dcac.toml --out models/diffusion
  trainer train --config trainer/configs/small-dcac.toml --data market1501=data/plaza \\
                --set weights.clip=models/vision --set weights.sd=models/diffusion --out runs/small

Everyone is drawn anew, and `trainer synth` draws none of them. A model that is to be
judged on a domain that it has not seen must not be pre-trained on it: name others by --domain.
Ctrl-C finishes the step and saves; --resume goes on.";

#[derive(Subcommand)]
enum What {
    /// Teach a vision tower to tell whose attributes are whose (CLIP's loss), for weights.clip
    Vision(VisionArgs),
    /// Teach a VAE to store pictures and a U-Net to denoise what it stores, for weights.sd
    Diffusion(DiffusionArgs),
}

#[derive(Args)]
struct Common {
    /// TOML file of the training that will begin with the weights: its sizes, its seed and its
    /// augmentation are taken
    #[arg(long, required_unless_present = "resume")]
    config: Option<PathBuf>,
    /// Override a key of the configuration, such as encoder.preset=tiny
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Domain that people are drawn from; may be given several times, all of them unless given
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Steps that show one drawing, each time augmented anew: where drawing takes longer than
    /// learning, more of them make the same number of steps shorter
    #[arg(long, default_value_t = 1, conflicts_with = "resume")]
    uses: u64,
    /// Folder to create for the weights; training/ in it holds losses and checkpoints
    #[arg(long, required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with what was stopped, as it was begun
    #[arg(long, value_name = "OUT", conflicts_with_all = ["config", "set", "domain", "out"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
struct VisionArgs {
    #[command(flatten)]
    common: Common,
    /// Steps
    #[arg(long, default_value_t = 2000, conflicts_with = "resume")]
    steps: u64,
    /// Pictures of a step, two of each person: each is told from those of all others, so more teach
    /// more
    #[arg(long, default_value_t = 64, conflicts_with = "resume")]
    batch: usize,
    /// Largest learning rate
    #[arg(long, default_value_t = 1e-3, conflicts_with = "resume")]
    rate: f64,
}

#[derive(Args)]
struct DiffusionArgs {
    #[command(flatten)]
    common: Common,
    /// Steps of the VAE
    #[arg(long, default_value_t = 1000, conflicts_with = "resume")]
    vae_steps: u64,
    /// Steps of the U-Net
    #[arg(long, default_value_t = 2000, conflicts_with = "resume")]
    steps: u64,
    /// Pictures of a step
    #[arg(long, default_value_t = 32, conflicts_with = "resume")]
    batch: usize,
    /// Largest learning rate, of both
    #[arg(long, default_value_t = 1e-3, conflicts_with = "resume")]
    rate: f64,
}

/// Pre-trains.
pub fn run(args: PretrainArgs) -> Result<()> {
    match args.what {
        What::Vision(args) => {
            let course = Course {
                steps: args.steps,
                batch: args.batch,
                rate: args.rate,
            };
            let order = order(&args.common, Kind::Vision, vec![course])?;
            dispatch(args.common.device.device, VisionJob(order))
        }
        What::Diffusion(args) => {
            let course = |steps| Course {
                steps,
                batch: args.batch,
                rate: args.rate,
            };
            let courses = vec![course(args.vae_steps), course(args.steps)];
            let order = order(&args.common, Kind::Diffusion, courses)?;
            dispatch(args.common.device.device, DiffusionJob(order))
        }
    }
}

/// What is to be pre-trained, and where.
pub struct Order {
    /// Sizes, and how pictures are augmented.
    pub config: RunConfig,
    /// The rest.
    pub settings: Settings,
    /// The folder.
    pub out: PathBuf,
}

impl Order {
    /// How a stopped pre-training goes on.
    pub fn go_on(&self) -> String {
        format!(
            "go on with: trainer pretrain {} --resume {}",
            self.settings.kind.name(),
            self.out.display()
        )
    }
}

/// Founds the folder, or reads what it was begun with.
fn order(common: &Common, kind: Kind, courses: Vec<Course>) -> Result<Order> {
    stop::listen("step")?;
    if let Some(out) = &common.resume {
        let (settings, config) = Settings::read(out, kind)?;
        let out = out.clone();
        return Ok(Order {
            config,
            settings,
            out,
        });
    }
    let (Some(path), Some(out)) = (&common.config, &common.out) else {
        bail!("expected --config and --out, or --resume");
    };
    files::require_new(out)?;
    let config = RunConfig::read(path, &common.set)?;
    if kind == Kind::Diffusion && config.model.diffusion.is_none() {
        bail!(
            "{} has no [diffusion] to take the sizes from; name a configuration of DCAC, not of its baseline",
            path.display()
        );
    }
    let settings = Settings {
        kind,
        domains: Settings::domains(common.domain.clone()),
        seed: config.seed,
        uses: common.uses,
        courses,
    };
    settings.validate()?;
    Endless::new(&settings.domains, settings.seed)?;
    settings.write(out, &config)?;
    Ok(Order {
        config,
        settings,
        out: out.clone(),
    })
}
