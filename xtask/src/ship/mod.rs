//! Makes the model that the project ships, from nothing: weights to begin with, DCAC, what its
//! scores mean, figures, card and sample pictures.

mod card;
mod recipe;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use card::Figures;
pub use recipe::Size;
use recipe::{DCAC, DOMAINS, MEANING, PEOPLE, SEEN};

use crate::steps::Steps;
use crate::trainer::{self, shown};
use crate::{files, paths, samples};

/// What to make.
pub struct Order {
    /// How large, and for how long.
    pub size: Size,
    /// The trainer's `--device`.
    pub device: String,
    /// People of PKU-Reid, to measure on.
    pub real: Option<PathBuf>,
}

/// Makes the model and puts it into `public/`. What an earlier run has finished is kept, what
/// it has begun goes on.
pub fn run(order: &Order) -> Result<()> {
    let (size, device) = (order.size, order.device.as_str());
    let recipe = size.recipe();
    let mut steps = Steps::new(8);
    println!(
        "Makes {} in {}. Ctrl-C keeps what is done; the same command goes on.",
        size.name(),
        shown(&public(size))
    );
    steps.run("build the trainer", "7 min the first time", || {
        trainer::build(trainer::feature(device))
    })?;
    let [vision, diffusion, trained] =
        ["vision", "diffusion", "run"].map(|part| work(size).join(part));
    steps.run(
        "teach a vision tower from attributes",
        recipe.times[0],
        || {
            let mut arguments = vec!["pretrain", "vision", "--domain", SEEN];
            arguments.extend(recipe.vision.split_whitespace());
            long(&arguments, size, device, &vision, "model.safetensors")
        },
    )?;
    steps.run("teach a latent diffusion model", recipe.times[1], || {
        let mut arguments = vec!["pretrain", "diffusion", "--domain", SEEN];
        arguments.extend(recipe.diffusion.split_whitespace());
        long(&arguments, size, device, &diffusion, "manifest.json")
    })?;
    steps.run("draw people", "2 min", || {
        for domain in DOMAINS {
            draw(domain, &PEOPLE, domain)?;
        }
        draw(SEEN, &MEANING, "meaning")?;
        let protocol = data().join("dg-synth");
        trainer::run(
            &["synth", "--protocol", "dg-synth"],
            &[("--out", &protocol)],
        )
    })?;
    steps.run("train DCAC", recipe.times[2], || {
        let [clip, sd] = [("clip", &vision), ("sd", &diffusion)]
            .map(|(key, folder)| format!("weights.{key}={}", shown(folder)));
        let people = DOMAINS.map(|domain| market(&data().join(domain)));
        let mut arguments = vec!["train", "--set", &clip, "--set", &sd];
        arguments.extend(people.iter().flat_map(|people| ["--data", people]));
        arguments.extend(DCAC.split_whitespace());
        long(&arguments, size, device, &trained, "evaluation.json")
    })?;
    let model = work(size).join("model");
    steps.run("export, and find out what scores mean", "10 s", || {
        files::remove(&model)?;
        trainer::run(
            &["export", "--dtype", "f16", "--flip"],
            &[("--run", &trained), ("--out", &model)],
        )?;
        let people = market(&data().join("meaning"));
        trainer::calibrate(&model, &people)
    })?;
    let measured = steps.run("measure", "20 s", || {
        let mut measured = Vec::new();
        for domain in DOMAINS {
            let data = market(&data().join("dg-synth").join(domain));
            measured.push((domain, measure(&model, &data, size, domain)?));
        }
        let real = order.real.as_ref().map(|folder| {
            let data = format!("pkureid={}", folder.display());
            measure(&model, &data, size, "real")
        });
        Ok((measured, real.transpose()?))
    })?;
    steps.run("write the card", "1 s", || publish(size, &model, &measured))?;
    println!("\nFinished in {}.", steps.elapsed());
    println!("  model    {}", shown(&public(size)));
    println!("  card     {}", shown(&public(size).join("README.md")));
    println!(
        "  samples  {}",
        shown(&paths::root().join("public/samples"))
    );
    println!("  runs     {}", shown(&work(size)));
    println!("`cargo xtask web` builds the site with it.");
    Ok(())
}

/// Figures on the five domains, and on real people where they are at hand.
type Measured = (Vec<(&'static str, Figures)>, Option<Figures>);

/// Runs what may be stopped: goes on where `out` is begun, and does nothing where `done` is in it.
fn long(arguments: &[&str], size: Size, device: &str, out: &Path, done: &str) -> Result<()> {
    if out.join(done).is_file() {
        println!("{} is finished already", shown(out));
        return Ok(());
    }
    if out.is_dir() {
        let command = arguments.iter().take_while(|word| !word.starts_with("--"));
        let command: Vec<&str> = command.copied().chain(["--device", device]).collect();
        return trainer::run(&command, &[("--resume", out)]);
    }
    let config = paths::root()
        .join("trainer/configs")
        .join(size.recipe().config);
    trainer::run(
        &[arguments, &["--device", device]].concat(),
        &[("--config", &config), ("--out", out)],
    )
}

fn draw(domain: &str, options: &[&str], name: &str) -> Result<()> {
    let options = [&["--domain", domain], options].concat();
    trainer::draw(&options, &data().join(name))
}

fn measure(model: &Path, data: &str, size: Size, name: &str) -> Result<Figures> {
    let report = |name: String, how: &[&str]| {
        let figures = work(size).join(name);
        trainer::run(
            &[&["evaluate", "--by-camera", "--data", data], how].concat(),
            &[("--model", model), ("--json", &figures)],
        )?;
        files::read_json(&figures)
    };
    Ok(Figures {
        plain: report(format!("{name}.json"), &[])?,
        normalized: report(format!("{name}-normalized.json"), &[trainer::NORMALIZED])?,
    })
}

/// Puts the model with its card and the sample gallery where site builds look for them.
fn publish(size: Size, model: &Path, (drawn, real): &Measured) -> Result<()> {
    let public = public(size);
    // Before the sources differ from it by what is written here.
    let revision = revision();
    files::remove(&public)?;
    files::copy_folder(model, &public)?;
    let manifest = public.join("manifest.json");
    let mut facts = files::read_json(&manifest)?;
    facts["title"] = format!("DCAC {}, taught by drawn people alone", size.name()).into();
    facts["license"] = "MIT OR Apache-2.0".into();
    let reports = drawn.iter().map(|(_, figures)| figures).chain(real);
    facts["metrics"] = reports
        .map(|figures| summary(figures.plain.clone()))
        .collect();
    files::write_json(&manifest, &facts)?;
    let card = card::write(size, &revision, &facts, drawn, real.as_ref())?;
    files::write(&public.join("README.md"), &card)?;

    let shown = paths::root().join("public/samples");
    files::remove(&shown)?;
    let gallery = data().join("dg-synth").join(recipe::SHOWN);
    samples::copy(&gallery.join("bounding_box_test"), &shown)
}

/// The revision of the sources, as far as git knows it.
fn revision() -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]);
    let said = git.current_dir(paths::root()).output().ok();
    let said = said.filter(|output| output.status.success());
    said.map_or("unknown".to_string(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    })
}

/// A report without its table of cameras, and without the place where the data lay.
fn summary(mut report: Value) -> Value {
    if let Some(report) = report.as_object_mut() {
        report.remove("cameras");
        if let Some(Value::String(folder)) = report.get_mut("folder") {
            *folder = files::name(Path::new(folder));
        }
    }
    report
}

fn public(size: Size) -> PathBuf {
    let models = paths::root().join("public/models");
    models.join(format!("dcac-{}", size.name()))
}

fn work(size: Size) -> PathBuf {
    paths::root().join("runs/ship").join(size.name())
}

fn data() -> PathBuf {
    paths::root().join("data/ship")
}

fn market(folder: &Path) -> String {
    format!("market1501={}", shown(folder))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_says_what_was_measured_and_not_where() {
        let report = json!({ "folder": "/home/me/people/", "rank1": 0.5, "cameras": [1] });
        assert_eq!(summary(report), json!({ "folder": "people", "rank1": 0.5 }));
    }
}
