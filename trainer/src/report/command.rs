//! `trainer report`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::tensor::backend::AutodiffBackend;
use clap::Args;

use super::{Target, write};
use crate::data::{self, NamedData};
use crate::device::{DeviceArgs, Job, dispatch};
use crate::embedder::Embedder;
use crate::evaluate::{self, Report};
use crate::files;
use crate::train::{Checkpoint, RunRecord, Which, read_figures};

/// `trainer report`.
#[derive(Args)]
#[command(after_help = help())]
pub struct ReportArgs {
    /// Folder written by `trainer train`
    #[arg(long)]
    run: PathBuf,
    /// Evaluate and show these test sets, as NAME=DIR, in place of the run's own
    #[arg(long)]
    target: Vec<NamedData>,
    #[command(flatten)]
    device: DeviceArgs,
}

fn help() -> String {
    format!(
        "\
Training ends with a report; this command makes it again, for instance on test sets that
were not at hand. The page needs no other file and no network. It holds small pictures of
its best and worst queries, so it may be shared where the test sets' pictures may.

  trainer report --run runs/first
  trainer report --run runs/first --target market1501=data/mall --target market1501=data/park

{}",
        data::HELP
    )
}

/// Writes the report of a finished run.
pub fn run(args: &ReportArgs) -> Result<()> {
    // What can be found wrong without a model is found before one loads.
    let asked = if args.target.is_empty() {
        recorded(&args.run)?
    } else {
        (args.target.iter())
            .map(|data| (data.clone(), None))
            .collect()
    };
    let (state, embedder) = dispatch(args.device.device, Open { run: &args.run })?;
    let targets: Vec<Target> = (asked.into_iter())
        .map(|(data, figures)| show(&embedder, &data, figures))
        .collect::<Result<_>>()?;
    println!("{}", write(&args.run, &state, &targets)?.display());
    Ok(())
}

/// The test sets that training ended with, and their figures.
fn recorded(run: &Path) -> Result<Vec<(NamedData, Option<Report>)>> {
    let [_, targets] = RunRecord::read(run)?.named()?;
    let figures = read_figures(run)?;
    if figures.len() != targets.len() {
        bail!(
            "the figures of {} are of {} test sets, the run was begun with {}; name test sets by --target NAME=DIR",
            run.display(),
            figures.len(),
            targets.len()
        );
    }
    Ok(targets
        .into_iter()
        .zip(figures.into_iter().map(Some))
        .collect())
}

/// A test set as it is now. Figures that it has already stay; without its crops, they
/// are all there is.
fn show(embedder: &Embedder, data: &NamedData, figures: Option<Report>) -> Result<Target> {
    let Some(report) = figures else {
        return Target::of(&evaluate::on(embedder, data)?);
    };
    if !data.folder.exists() {
        let name = files::name(&data.folder);
        eprintln!(
            "no pictures of {name}: {} is not there any more; name where it is now by --target {}=DIR",
            data.folder.display(),
            data.layout
        );
        return Ok(Target {
            report,
            examples: Err(format!(
                "{name} was not at hand when this page was written."
            )),
        });
    }
    let found = Target::of(&evaluate::on(embedder, data)?)?;
    Ok(Target { report, ..found })
}

/// Opens a run's encoder.
struct Open<'a> {
    run: &'a Path,
}

impl Job for Open<'_> {
    type Output = (Checkpoint, Embedder);

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Self::Output>
    where
        B::Device: 'static,
    {
        let (state, config, model) =
            Checkpoint::read::<B::InnerBackend>(self.run, &Which::Last, device)?;
        let embedder = Embedder::new(model.encoder, &config.model.encoder, device)?;
        Ok((state, embedder))
    }
}
