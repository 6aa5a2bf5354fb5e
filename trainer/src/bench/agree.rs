//! Losses and gradients of a training step on one device beside those on another.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use burn::module::{AutodiffModule, Module, ModuleMapper, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Distribution, ElementConversion, Tensor};
use clap::Args;
use dcac_model::dcac::Dcac;
use dcac_model::nn::Compute;
use dcac_model::weights::{self, Precision};
use serde_json::json;

use super::measurement::Subject;
use super::step;
use crate::config::RunConfig;
use crate::device::{self, DeviceChoice, Job, dispatch};
use crate::train::{Costs, gradients};

/// `trainer bench agree`.
#[derive(Args)]
pub struct AgreeArgs {
    /// Training identities
    #[arg(long, default_value_t = 20)]
    identities: usize,
    /// Device of the other step
    #[arg(long, default_value = "cpu")]
    against: DeviceChoice,
    /// Number format of the other step: f32, bf16 or f16
    #[arg(long, default_value = "f32")]
    against_precision: Compute,
    /// Most that a loss may differ, as a part of it [default: 1e-4, or 2e-2 if one side has 16 bits]
    #[arg(long)]
    loss_bound: Option<f64>,
    /// Most that a parameter's gradient may differ, as a part of its norm [default: 1e-4, or 1e-1 if
    /// one side has 16 bits: embeddings of random weights are much alike, and the neck, which takes
    /// away what they have in common, magnifies their rounding]
    #[arg(long)]
    gradient_bound: Option<f64>,
    #[command(flatten)]
    subject: Subject,
}

/// What a step computes.
struct Outcome {
    /// By name; the baseline has no denoising loss.
    losses: Vec<(&'static str, f64)>,
    /// By the name of the parameter.
    gradients: BTreeMap<String, Vec<f32>>,
}

/// How the gradients of a part of the model differ.
struct Difference {
    /// L2 norm of all of the part's gradients.
    norm: f64,
    /// By how much that of the worst parameter differs, as a part of its norm, or of a tenth of the
    /// whole part's if that is more: small gradients that other ones cancel are mostly rounding.
    error: f64,
    /// The worst parameter.
    worst: String,
}

/// Prints both sides and how far apart they are.
pub fn run(args: &AgreeArgs) -> Result<()> {
    let config = args.subject.config()?;
    step::enough(args.identities, &config)?;
    let mut reference = config.clone();
    reference.model.precision = args.against_precision;
    let precisions = [config.model.precision, args.against_precision];
    let bounds = if precisions == [Compute::F32; 2] {
        [1e-4, 1e-4]
    } else {
        [2e-2, 1e-1]
    };
    let loss_bound = args.loss_bound.unwrap_or(bounds[0]);
    let gradient_bound = args.gradient_bound.unwrap_or(bounds[1]);
    let weights = dispatch(DeviceChoice::Cpu, Weights(&reference, args.identities))?;
    let outcome = |choice, config| {
        let (identities, weights) = (args.identities, weights.as_slice());
        dispatch(choice, StepJob(config, identities, weights))
    };
    let (own, other) = (args.subject.device.device, args.against);
    let found = outcome(own, &config)?;
    let expected = outcome(other, &reference)?;
    let own = format!("{own} {}", precisions[0]);
    let other = format!("{other} {}", precisions[1]);

    println!(
        "{} of {} images, random weights and pictures\n",
        config.method(),
        config.sampler.identities * config.sampler.images
    );
    let mut far = Vec::new();
    let mut judge = |what: &str, error: f64, bound: f64| {
        if is_beyond(error, bound) {
            far.push(format!(
                "{what} differs by {error:.1e}, expected {bound:.1e} at most"
            ));
        }
    };
    println!("{:<12} {own:>14} {other:>14} {:>10}", "", "differs by");
    let mut losses = serde_json::Map::new();
    for ((name, found), (_, expected)) in found.losses.iter().zip(&expected.losses) {
        let error = (found - expected).abs() / expected.abs();
        println!("{name:<12} {found:>14.6} {expected:>14.6} {error:>10.1e}");
        judge(name, error, loss_bound);
        losses.insert(name.to_string(), json!([found, expected, error]));
    }
    println!("\n{:<12} {:>14} {:>14}", "gradients", "norm", "differ by");
    let mut parts = serde_json::Map::new();
    for (part, difference) in differences(&found.gradients, &expected.gradients)? {
        let Difference { norm, error, worst } = difference;
        println!("{part:<12} {norm:>14.6} {error:>14.1e}  {worst}");
        judge(&format!("the gradient of {worst}"), error, gradient_bound);
        let difference = json!({ "norm": norm, "error": error, "worst": worst });
        parts.insert(part.to_string(), difference);
    }
    args.subject.keep(&json!({
        "device": own,
        "against": other,
        "losses": losses,
        "gradients": parts,
    }))?;
    if !far.is_empty() {
        bail!(
            "{own} does not compute what {other} does:\n  {}",
            far.join("\n  ")
        );
    }
    println!("\n{own} and {other} agree");
    Ok(())
}

/// Random weights of a model in safetensors. No tensor is all zeros, as some of a new model are: what
/// is multiplied by one has no gradient to compare.
struct Weights<'a>(&'a RunConfig, usize);

impl Job for Weights<'_> {
    type Output = Vec<u8>;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Vec<u8>>
    where
        B::Device: 'static,
    {
        struct Stir;
        impl<B: Backend> ModuleMapper<B> for Stir {
            fn map_float<const D: usize>(
                &mut self,
                param: Param<Tensor<B, D>>,
            ) -> Param<Tensor<B, D>> {
                param.map(|value| {
                    if value.clone().abs().max().into_scalar().elem::<f32>() > 0.0 {
                        return value;
                    }
                    value.random_like(Distribution::Normal(0.0, 0.02))
                })
            }
        }
        let Self(config, identities) = self;
        B::seed(device, config.seed);
        let model = Dcac::<B>::new(&config.model, identities, device).valid();
        let model = model.map(&mut Stir);
        Ok(weights::save(&model, Precision::F32, str::to_string)?)
    }
}

/// Forward and backward of a step with these weights, for so many identities.
struct StepJob<'a>(&'a RunConfig, usize, &'a [u8]);

impl Job for StepJob<'_> {
    type Output = Outcome;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Outcome>
    where
        B::Device: 'static,
    {
        let Self(config, identities, bytes) = self;
        device::computes_in::<B>(device, config.model.precision)?;
        let model = Dcac::<B>::new(&config.model, identities, device);
        let model = weights::load(model, bytes, str::to_string)?.hold_frozen(&config.model);
        let (mut trainer, batch, latents) = step::drawn(config, identities, model, device)?;
        let latents = latents.map(|cache| cache.sample(&batch.indices, 1, device));
        let (losses, found) = loop {
            let pass = trainer.pass(&batch, latents.clone(), &mut Costs::default())?;
            let Some(factor) = trainer.scale.factor() else {
                break (pass.losses, pass.gradients);
            };
            let found = gradients::scale(pass.gradients, &trainer.model, 1.0 / factor);
            let finite = gradients::norm(&found, &trainer.model)?.is_finite();
            trainer.scale.judge(finite)?;
            if finite {
                break (pass.losses, found);
            }
        };
        let found = weights::gradients(&trainer.model, &found).into_iter();
        let [loss, identity, contrastive, _, denoising @ ..] = &losses[..] else {
            bail!("the step has lost its losses");
        };
        let names = ["L", "L_id", "L_pcl", "L_dif"].into_iter();
        let losses = [loss, identity, contrastive].into_iter().chain(denoising);
        Ok(Outcome {
            losses: names.zip(losses.map(|&loss| f64::from(loss))).collect(),
            gradients: found
                .map(|gradient| {
                    let numbers = (gradient.read)().map_err(|reason| anyhow!(reason));
                    let numbers =
                        numbers.with_context(|| format!("the gradient of {}", gradient.name))?;
                    Ok((gradient.name, numbers))
                })
                .collect::<Result<_>>()?,
        })
    }
}

/// Whether it is more than `bound`, or no number.
fn is_beyond(error: f64, bound: f64) -> bool {
    error.is_nan() || error > bound
}

/// Differences by part of the model.
fn differences(
    found: &BTreeMap<String, Vec<f32>>,
    expected: &BTreeMap<String, Vec<f32>>,
) -> Result<BTreeMap<&'static str, Difference>> {
    if !found.keys().eq(expected.keys()) {
        let one = |name: &&String| found.contains_key(*name) != expected.contains_key(*name);
        let names: Vec<&String> = found.keys().chain(expected.keys()).filter(one).collect();
        bail!("on one of both alone there are gradients of {names:?}");
    }
    let wide = |numbers: &[f32]| -> Vec<f64> { numbers.iter().copied().map(f64::from).collect() };
    let squares = |numbers: &[f64]| numbers.iter().map(|number| number * number).sum::<f64>();
    let mut parts = BTreeMap::new();
    for (name, numbers) in expected {
        *parts.entry(part(name)).or_insert(0.0) += squares(&wide(numbers));
    }
    let mut differences = BTreeMap::new();
    for (name, expected) in expected {
        let norm = f64::sqrt(parts[part(name)]);
        let difference = differences.entry(part(name)).or_insert_with(|| Difference {
            norm,
            error: 0.0,
            worst: name.clone(),
        });
        let (found, expected) = (wide(&found[name]), wide(expected));
        let apart: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
        let apart = squares(&apart).sqrt();
        // A part that nothing reaches, on either side, agrees.
        let error = match apart {
            0.0 => 0.0,
            _ => apart / squares(&expected).sqrt().max(0.1 * norm),
        };
        if is_beyond(error, difference.error) {
            (difference.error, difference.worst) = (error, name.clone());
        }
    }
    Ok(differences)
}

/// What a parameter is a part of.
fn part(name: &str) -> &'static str {
    let parts = [
        ("encoder.", "encoder"),
        ("classifier.", "classifier"),
        ("guidance.condition.", "condition"),
        ("guidance.unet.", "U-Net"),
    ];
    let part = parts
        .into_iter()
        .find(|(prefix, _)| name.starts_with(prefix));
    part.map_or("cameras", |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_parameter_of_a_part_is_named() {
        let gradients = |neck: f32, weight: f32, prompt: f32| {
            let named = [
                ("encoder.neck.weight", vec![neck, 4.0]),
                ("encoder.vit.norm.weight", vec![weight, 0.0]),
                ("guidance.condition.prompts", vec![0.0, prompt]),
            ];
            BTreeMap::from(named.map(|(name, numbers)| (name.to_string(), numbers)))
        };
        let expected = gradients(3.0, 1e-6, 2.0);
        let found = differences(&gradients(3.5, 2e-6, 2.0), &expected).expect("the same names");
        // The other parameter's is twice what it should be, but far below the part's norm.
        assert_eq!(found["encoder"].worst, "encoder.neck.weight");
        assert!((found["encoder"].error - 0.1).abs() < 1e-6 && found["encoder"].norm > 5.0);
        assert_eq!(found["condition"].error, 0.0);
        assert!(found.len() == 2);
        let idle = gradients(3.0, 1e-6, 0.0);
        let found = differences(&idle, &idle).expect("the same names");
        assert_eq!(
            (found["condition"].norm, found["condition"].error),
            (0.0, 0.0)
        );
        let lost = differences(&gradients(f32::NAN, 1e-6, 2.0), &expected).expect("the same names");
        assert!(lost["encoder"].error.is_nan() && lost["encoder"].worst == "encoder.neck.weight");
        let error = differences(&BTreeMap::new(), &expected)
            .err()
            .expect("other names");
        assert!(error.to_string().contains("encoder.neck.weight"), "{error}");
    }
}
