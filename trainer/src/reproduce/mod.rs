//! `trainer reproduce`: the paper's tables, run and set beside the published figures.

mod measure;
mod plan;
mod roles;
mod show;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use indicatif::HumanDuration;

use crate::data::{self, TrainingSet, epoch_batches};
use crate::device::{DeviceArgs, DeviceChoice};
use crate::stop::Stopped;
use crate::train::{self, RunState, TrainRequest};
use crate::{files, random};

use plan::{Cell, PlannedRun, Preset, Settings};
use roles::RoleData;
use tables::Table;

/// `trainer reproduce`.
#[derive(Args)]
#[command(after_help = help())]
pub struct ReproduceArgs {
    /// Number of the paper's table, 2 to 10; dg-synth-one or dg-synth-rest
    #[arg(long)]
    table: String,
    /// Data as NAME=DIR or ROLE:NAME=DIR: the paper's sets play their own parts, others need a ROLE
    /// (MA, D, MS, C3, or a domain), such as MA:market1501=data/plaza
    #[arg(long, required = true)]
    data: Vec<RoleData>,
    /// Folder of all runs and tables; finished runs in it are not trained again
    #[arg(long)]
    out: PathBuf,
    /// Sizes of the models
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    preset: Preset,
    /// Only rows whose name has this in it, whatever its case; may be given several times
    #[arg(long = "row", value_name = "TEXT")]
    rows: Vec<String>,
    /// Seeds, one run each; with several, the table has means and deviations
    #[arg(long, value_delimiter = ',', default_value = "1234")]
    seeds: Vec<u64>,
    /// Override a key in all configurations, such as weights.clip=ViT-B-16.pt
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Say what would be run, and train nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

fn help() -> String {
    format!(
        "\
The paper's Table 5 with its own data and weights:
  trainer reproduce --table 5 --data market1501=Market1501 --data msmt17=MSMT17 \\
                    --set weights.clip=ViT-B-16.pt --set weights.sd=v1-5-pruned-emaonly.safetensors \\
                    --device cuda --out runs/paper
The same rows in small, on drawn people:
  trainer reproduce --table 5 --preset tiny --data MA:market1501=data/plaza \\
                    --data MS:market1501=data/mall --out runs/small
Tables 5 and 7 on the domains of DG-synth, as many of them as are named:
  trainer reproduce --table dg-synth-one --preset tiny --seeds 1,2,3 --out runs/dg-synth \\
                    --data plaza:market1501=data/dg-synth/plaza \\
                    --data campus:market1501=data/dg-synth/campus ...

{}",
        data::HELP
    )
}

/// What became of the runs, by folder: `Err` says why there are no figures.
type Outcomes = BTreeMap<PathBuf, Result<(), String>>;

/// Runs a table's rows and writes the table.
pub fn run(args: &ReproduceArgs) -> Result<()> {
    let mut table = Table::read(&args.table)?;
    table.keep(&args.rows)?;
    let cast = roles::cast(&args.data, &table.roles)?;
    let settings = Settings {
        out: &args.out,
        preset: args.preset,
        seeds: &args.seeds,
        overrides: &args.set,
    };
    let rows: Vec<Vec<Cell>> = (table.rows.iter())
        .map(|row| plan::cells(&table, row, &cast, &settings))
        .collect::<Result<_>>()?;
    let runs = distinct(&rows);
    if runs.is_empty() {
        bail!(
            "none of the columns of table {} ({}) can be run with this data; name more by --data",
            table.id,
            table.columns.join(", ")
        );
    }
    if args.dry_run {
        return describe(&runs);
    }
    let outcomes = train_all(&runs, args.device.device)?;
    let filled = measure::fill(&table, &rows, &outcomes, args.device.device)?;
    let about = show::Note {
        seeds: args.seeds.clone(),
        published: table.rows.iter().any(|row| !row.published.is_empty()),
        original: args.preset == Preset::Paper && roles::original(&cast),
    };
    let written = show::write(&args.out, &table, &filled, &about)?;
    print!("\n{}", show::markdown(&table, &filled, &about));
    for path in written {
        println!("{}", path.display());
    }
    let failed: Vec<String> = (outcomes.iter())
        .filter_map(|(folder, outcome)| {
            let reason = outcome.as_ref().err()?;
            Some(format!("{}: {reason}", folder.display()))
        })
        .collect();
    if !failed.is_empty() {
        bail!(
            "{} of {} runs failed\n{}",
            failed.len(),
            runs.len(),
            failed.join("\n")
        );
    }
    Ok(())
}

/// Every run once, however many cells it fills.
fn distinct(rows: &[Vec<Cell>]) -> BTreeMap<&Path, &PlannedRun> {
    let cells = rows
        .iter()
        .flatten()
        .filter_map(|cell| cell.runs.as_ref().ok());
    let runs = cells.flat_map(|(runs, _)| runs);
    runs.map(|run| (run.folder.as_path(), run)).collect()
}

fn describe(runs: &BTreeMap<&Path, &PlannedRun>) -> Result<()> {
    let mut steps_in_all = 0;
    for run in runs.values() {
        let list = |data: &[data::NamedData]| {
            let names: Vec<String> = data.iter().map(ToString::to_string).collect();
            names.join(" ")
        };
        let state = match RunState::of(&run.folder)? {
            RunState::Absent => "not begun".to_string(),
            RunState::Unfinished { epoch, epochs } => format!("{epoch} of {epochs} epochs done"),
            RunState::Finished => "finished".to_string(),
        };
        println!(
            "{}\n  config   {} ({})\n  data     {}\n  targets  {}\n  state    {state}",
            run.folder.display(),
            run.config_name,
            run.config.method(),
            list(&run.sources),
            list(&run.targets),
        );
        // Epochs differ by a batch or so; the first stands for all.
        let set = TrainingSet::read(&run.sources)?;
        let (config, seed) = (&run.config, run.config.seed);
        let mut rng = random::stream(seed, "sampler", 1);
        let batches = epoch_batches(&set.labels(), set.identities, &config.sampler, &mut rng);
        let steps = batches.len() * config.optim.epochs;
        println!(
            "  length   {} epochs, about {steps} steps",
            config.optim.epochs
        );
        steps_in_all += steps;
    }
    println!("\n{} runs, about {steps_in_all} steps", runs.len());
    Ok(())
}

/// Trains what is not finished; a run that fails does not keep the others from it.
fn train_all(runs: &BTreeMap<&Path, &PlannedRun>, device: DeviceChoice) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    // A run that cannot be read fails when its turn comes.
    let mut new: BTreeSet<&Path> = runs.keys().copied().collect();
    new.retain(|folder| !matches!(RunState::of(folder), Ok(RunState::Finished)));
    let (started, mut trained) = (Instant::now(), 0);
    for (number, (folder, run)) in (1..).zip(runs) {
        print!("\n[{number}/{}] {}", runs.len(), files::name(folder));
        if trained > 0 && new.contains(folder) {
            let left = new.len() as u32 - trained;
            let time = HumanDuration(started.elapsed() / trained * left);
            print!(", {time} left for all");
        }
        println!();
        let request = TrainRequest {
            config: run.config.clone(),
            data: run.sources.clone(),
            targets: run.targets.clone(),
            devices: vec![device],
            node: None,
            out: Some(folder.to_path_buf()),
            resume: true,
        };
        let outcome = match train::run(request) {
            Err(error) if error.is::<Stopped>() => {
                return Err(error.context("the same command goes on with the table"));
            }
            other => other.map_err(|error| {
                eprintln!("error: {error:#}");
                format!("{error:#}")
            }),
        };
        outcomes.insert(folder.to_path_buf(), outcome);
        trained += u32::from(new.contains(folder));
    }
    Ok(outcomes)
}
