//! Parameters and operations of a configuration.

use std::path::PathBuf;

use anyhow::{Result, bail};
use burn::backend::{Autodiff, Flex};
use clap::Args;
use dcac_model::dcac::Dcac;
use dcac_model::diffusion::VaeEncoder;
use dcac_model::nn::{ParameterCount, count_parameters};
use serde::Serialize;

use crate::config::RunConfig;
use crate::files;

type Shapes = Autodiff<Flex>;

#[derive(Serialize)]
struct Info {
    identities: usize,
    batch: usize,
    parts: Vec<Part>,
    parameters: usize,
    trainable: usize,
    forward_tflops: f64,
}

#[derive(Serialize)]
struct Part {
    name: &'static str,
    parameters: usize,
    trainable: usize,
    /// Of one image's forward; an operation is a multiplication or an addition.
    gflops: f64,
}

/// `trainer info`.
#[derive(Args)]
pub struct InfoArgs {
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

/// Prints the counts. Nothing is allocated: parameters are counted by their shapes.
pub fn run(args: &InfoArgs) -> Result<()> {
    let identities = args.identities;
    if identities == 0 {
        bail!("--identities 0: a classifier needs at least one identity");
    }
    let config = RunConfig::read(&args.config, &args.set)?;
    let info = measure(&config, identities);
    println!(
        "{:<12} {:>14} {:>14} {:>12}",
        "part", "parameters", "trainable", "GFLOPs/image"
    );
    for part in &info.parts {
        println!(
            "{:<12} {:>14} {:>14} {:>12.3}",
            part.name,
            group_digits(part.parameters),
            group_digits(part.trainable),
            part.gflops
        );
    }
    println!(
        "{:<12} {:>14} {:>14}\nforward of a batch of {}: {:.3} TFLOPs",
        "all",
        group_digits(info.parameters),
        group_digits(info.trainable),
        info.batch,
        info.forward_tflops
    );
    if let Some(json) = &args.json {
        files::write_json(json, &info)?;
        println!("{}", json.display());
    }
    Ok(())
}

/// Trained parameters, and operations (in 10^12) of a batch's forward.
pub fn totals(config: &RunConfig, identities: usize) -> (usize, f64) {
    let info = measure(config, identities);
    (info.trainable, info.forward_tflops)
}

fn measure(config: &RunConfig, identities: usize) -> Info {
    let device = Default::default();
    let model = &config.model;
    let dcac = Dcac::<Shapes>::new(model, identities, &device);
    let under = |prefix: &'static str| move |path: &str| path.starts_with(prefix);
    let count = |prefix: &'static str| ParameterCount {
        total: count_parameters(&dcac, under(prefix)).trainable,
        trainable: count_parameters(&dcac, |path| under(prefix)(path) && model.trains(path))
            .trainable,
    };
    let part = |name, count: ParameterCount, flops: u64| Part {
        name,
        parameters: count.total,
        trainable: count.trainable,
        gflops: flops as f64 / 1e9,
    };
    let vit = &model.encoder.vit;
    let classifier = 2 * (vit.embedding * identities) as u64;
    let mut parts = vec![
        part("encoder", count("encoder.vit."), vit.flops()),
        part("neck", count("encoder.neck."), 0),
        part("classifier", count("classifier."), classifier),
    ];
    if model.cameras > 0 {
        parts.push(part("cameras", count("cameras"), 0));
    }
    if let Some(diffusion) = &model.diffusion {
        let side = diffusion.latent_side();
        let rank = diffusion.adapters().attention;
        let vae = VaeEncoder::<Shapes>::new(&diffusion.vae, &device);
        let prompts = count("guidance.condition.");
        let combination = 2 * (identities * diffusion.unet.context) as u64;
        parts.extend([
            part("condition", prompts, combination),
            part(
                "VAE encoder",
                count_parameters(&vae, |_| false),
                diffusion.vae.flops(diffusion.image),
            ),
            part(
                "U-Net",
                count("guidance.unet."),
                diffusion.unet.flops(side, rank),
            ),
        ]);
    }
    let batch = config.sampler.identities * config.sampler.images;
    Info {
        identities,
        batch,
        parameters: parts.iter().map(|part| part.parameters).sum(),
        trainable: parts.iter().map(|part| part.trainable).sum(),
        forward_tflops: parts.iter().map(|part| part.gflops).sum::<f64>() * batch as f64 / 1e3,
        parts,
    }
}

fn group_digits(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
