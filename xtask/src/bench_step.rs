//! A training step and the encoder beside the same work in PyTorch, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::bench::median;
use crate::{files, parity, paths, process, trainer};

/// `cargo xtask bench step`.
#[derive(Args)]
pub struct StepArgs {
    /// A Python with torch, transformers, diffusers and peft; set up unless given
    #[arg(long)]
    python: Option<PathBuf>,
    /// How large the model is
    #[arg(long, value_enum, default_value_t = Preset::Full)]
    preset: Preset,
    /// What computes, by its name here and in PyTorch
    #[arg(long, default_value = "cuda")]
    device: String,
    /// Number format: bf16, f16 or f32
    #[arg(long, default_value = "bf16")]
    precision: String,
    /// Rounds, in each of which every side is measured once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Measured steps of a round, after warm-up
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// The paper's: ViT-B/16, Stable Diffusion v1.5
    Full,
    /// A model for tests
    Tiny,
}

/// What is measured, and how often it was so far.
struct Side {
    name: &'static str,
    /// Options of the script in PyTorch; none for this program.
    options: Option<&'static [&'static str]>,
    seconds: Vec<f64>,
}

/// All sides of a step; the encoder knows no VAE.
fn sides(part: &str) -> Vec<Side> {
    let sides: [(&str, Option<&'static [&'static str]>); 5] = [
        ("this program", None),
        ("PyTorch, eager", Some(&[])),
        ("PyTorch, eager, VAE every step", Some(&["--vae"])),
        ("PyTorch, compiled", Some(&["--compile"])),
        (
            "PyTorch, compiled, VAE every step",
            Some(&["--compile", "--vae"]),
        ),
    ];
    let vae = |options: &[&str]| options.contains(&"--vae");
    (sides.into_iter())
        .filter(|(_, options)| part == "step" || !options.is_some_and(vae))
        .map(|(name, options)| Side {
            name,
            options,
            seconds: Vec::new(),
        })
        .collect()
}

/// Measures all sides in turn and prints the ratios of their medians.
pub fn run(args: &StepArgs) -> Result<()> {
    let python = match &args.python {
        Some(python) => python.clone(),
        None => parity::environment()?,
    };
    trainer::build(trainer::feature(&args.device))?;
    for part in ["step", "encode"] {
        let images = if part == "step" {
            "a training step"
        } else {
            "256 images embedded"
        };
        println!(
            "\n{images}, {:?}, {}, {}",
            args.preset, args.device, args.precision
        );
        let mut sides = sides(part);
        for round in 1..=args.rounds {
            for side in &mut sides {
                let figures = match side.options {
                    None => ours(args, part)?,
                    Some(options) => theirs(args, &python, part, options)?,
                };
                let seconds = figures[part][0].as_f64();
                let seconds = seconds.with_context(|| format!("{figures} has no {part}"))?;
                println!(
                    "round {round}  {:<34} {:10.2} ms{}",
                    side.name,
                    1e3 * seconds,
                    memory(&figures)
                );
                side.seconds.push(seconds);
            }
        }
        let ours = median(&mut sides[0].seconds);
        println!("{:<34} {:>13} {:>20}", "", "median", "this program's share");
        for side in &mut sides {
            let median = median(&mut side.seconds);
            println!(
                "{:<34} {:10.2} ms {:20.2}",
                side.name,
                1e3 * median,
                ours / median
            );
        }
    }
    Ok(())
}

fn ours(args: &StepArgs, part: &str) -> Result<Value> {
    let config = match args.preset {
        Preset::Full => "single-source/market1501-dcac",
        Preset::Tiny => "tiny-dcac",
    };
    let config = paths::root().join(format!("trainer/configs/{config}.toml"));
    let json = paths::target().join("bench/step.json");
    let mut command = Command::new(paths::trainer());
    command.args(["bench", part, "--device", &args.device]);
    command.args(["--set", &format!("precision={}", args.precision)]);
    if args.preset == Preset::Tiny {
        command.args(["--set", "diffusion.fine_tune=lora"]);
    }
    command.args(["--steps", &args.steps.to_string()]);
    command.arg("--config").arg(config).arg("--json").arg(&json);
    process::run(&mut command)?;
    files::read_json(&json)
}

fn theirs(args: &StepArgs, python: &Path, part: &str, options: &[&str]) -> Result<Value> {
    let mut command = Command::new(python);
    command.arg(paths::root().join("trainer/bench/pytorch_step.py"));
    let preset = match args.preset {
        Preset::Full => "full",
        Preset::Tiny => "tiny",
    };
    command.args([part, "--preset", preset, "--device", &args.device]);
    command.args([
        "--precision",
        &args.precision,
        "--steps",
        &args.steps.to_string(),
    ]);
    let output = (command.args(options).output())
        .with_context(|| format!("cannot start {}", python.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {error}", process::show_arguments(&command));
    }
    serde_json::from_str(last).with_context(|| format!("`{last}` is no measurement"))
}

/// Peak memory, where it was told.
fn memory(figures: &Value) -> String {
    let bytes = figures["peak_memory_bytes"].as_f64();
    bytes.map_or(String::new(), |bytes| format!("  {:.2} GB", bytes / 1e9))
}
