//! The whole road at a size that two CPU cores carry: data, training, evaluation, site.

use std::path::PathBuf;

use anyhow::Result;

use crate::server::{self, Server};
use crate::steps::Steps;
use crate::toolchain::{self, Source};
use crate::trainer::{relative, shown};
use crate::{assets, files, paths, samples, site, tools, trainer};

/// Domain that both models are trained on.
const SEEN: &str = "plaza";
/// Domain that they are judged on and have never seen.
const UNSEEN: &str = "mall";
/// Domain that tells what the DCAC model's scores mean: neither trained nor judged on.
const CALIBRATION: &str = "campus";
/// Whom each domain shows, half of them to train.
const PEOPLE: [&str; 4] = ["--ids", "160", "--images-per-id", "12"];

/// The models by file name of their configuration, and what the table calls them.
const MODELS: [(&str, &str); 2] = [("dcac", "DCAC"), ("baseline", "baseline")];

/// Runs the demo, and serves the site on a port if one is given.
pub fn run(source: Source, port: Option<u16>) -> Result<()> {
    let total = 9 + usize::from(port.is_some());
    let mut steps = Steps::new(total);
    let first = |time: &str| format!("{time} the first time, seconds after that");
    println!(
        "Trains a small DCAC model and its baseline on drawn people of one place ({SEEN}), and\n\
         judges them on people of another ({UNSEEN}). {total} steps."
    );
    let toolchain = steps.run("compiler for the site", &first("1 to 5 min"), || {
        let toolchain = toolchain::ensure(source)?;
        println!("{}", toolchain.description());
        tools::report_wasm_opt(tools::wasm_opt()?);
        Ok(toolchain)
    })?;
    steps.run("build the trainer", &first("7 min"), || trainer::build(""))?;
    steps.run("draw three domains", &first("15 s"), || {
        [SEEN, UNSEEN, CALIBRATION].into_iter().try_for_each(draw)
    })?;
    steps.run("train DCAC", "2 min", || train("dcac"))?;
    steps.run("train the baseline", "1 min", || train("baseline"))?;
    steps.run("export both", "2 s", || {
        files::remove(&runs().join("export"))?;
        (MODELS.iter()).try_for_each(|(model, _)| {
            trainer::run(
                &["export", "--dtype", "f16", "--with-classifier"],
                &[("--run", &runs().join(model)), ("--out", &exported(model))],
            )
        })
    })?;
    let table = steps.run("evaluate both on the unseen domain", "2 s", evaluate)?;
    steps.run("find out what the scores of DCAC mean", "2 s", || {
        trainer::calibrate(&exported("dcac"), &market(CALIBRATION))
    })?;
    steps.run("build the site", &first("6 min"), || {
        collect_site()?;
        site::build(&toolchain, &paths::dist()).map(drop)
    })?;

    println!("\n{table}");
    println!("Finished in {}.", steps.elapsed());
    println!("  data    {}", shown(&data("")));
    println!("  runs    {}", shown(&runs()));
    println!("  models  {}", shown(&runs().join("export")));
    println!(
        "  site    {}; it opens with the model that the project ships, the demo's is in its list",
        shown(&paths::dist())
    );
    match port {
        Some(port) => steps.run("serve the site", "as long as you like", || serve(port)),
        None => {
            println!("`cargo xtask serve` serves the site.");
            Ok(())
        }
    }
}

fn draw(domain: &str) -> Result<()> {
    let options = [&["--domain", domain], &PEOPLE[..]].concat();
    trainer::draw(&options, &data(domain))
}

fn train(model: &str) -> Result<()> {
    let run = runs().join(model);
    files::remove(&run)?;
    let (seen, unseen) = (market(SEEN), market(UNSEEN));
    trainer::run(
        &["train", "--data", &seen, "--target", &unseen],
        &[
            (
                "--config",
                &paths::root().join(format!("trainer/configs/tiny-{model}.toml")),
            ),
            ("--out", &run),
        ],
    )
}

/// Evaluates the exported models and returns a table of their figures.
fn evaluate() -> Result<String> {
    let mut table = format!(
        "Trained on {SEEN}, judged on {UNSEEN} (percent)\n{:<12}{:>8}{:>8}{:>8}{:>8}\n",
        "", "Rank-1", "Rank-5", "Rank-10", "mAP"
    );
    let mut chance = String::new();
    for (model, title) in MODELS {
        let figures = runs().join("export").join(format!("{model}.json"));
        trainer::run(
            &["evaluate", "--data", &market(UNSEEN)],
            &[("--model", &exported(model)), ("--json", &figures)],
        )?;
        let report = files::read_json(&figures)?;
        let percent = |key: &str| match report[key].as_f64() {
            Some(share) => Ok(format!("{:8.1}", 100.0 * share)),
            None => Err(anyhow::anyhow!(
                "{} has no number `{key}`",
                figures.display()
            )),
        };
        table += &format!("{title:<12}");
        for key in ["rank1", "rank5", "rank10", "map"] {
            table += &percent(key)?;
        }
        table.push('\n');
        chance = format!(
            "{:<12}{}{:16}{}\n",
            "chance",
            percent("chance_rank1")?,
            "",
            percent("chance_map")?
        );
    }
    Ok(table + &chance)
}

/// Puts the trained model and pictures of the unseen domain where site builds look for them.
fn collect_site() -> Result<()> {
    let site = paths::demo_site();
    files::remove(&site)?;
    let model = site.join("models").join(assets::DEMO);
    files::copy_folder(&exported("dcac"), &model)?;
    let path = model.join("manifest.json");
    let mut manifest = files::read_json(&path)?;
    manifest["title"] = format!("Demo: small DCAC, trained on drawn people ({SEEN})").into();
    files::write_json(&path, &manifest)?;

    let gallery = data(UNSEEN).join("bounding_box_test");
    samples::copy(&gallery, &site.join("samples"))
}

fn serve(port: u16) -> Result<()> {
    let server = match Server::start(&paths::dist(), "/", port) {
        // The usual port may well be somebody else's; a port asked for is insisted on.
        Err(_) if port == server::DEFAULT_PORT => Server::start(&paths::dist(), "/", 0)?,
        started => started?,
    };
    println!("{} (Ctrl-C ends)", server.url());
    server.wait();
    Ok(())
}

fn data(name: &str) -> PathBuf {
    paths::root().join("data/demo").join(name)
}

fn market(domain: &str) -> String {
    format!("market1501={}", relative(&data(domain)).display())
}

fn runs() -> PathBuf {
    paths::root().join("runs/demo")
}

fn exported(model: &str) -> PathBuf {
    runs().join("export").join(model)
}
