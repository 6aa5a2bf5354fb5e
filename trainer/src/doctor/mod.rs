//! `trainer doctor`: whether a data set is what it should be.

mod checks;
mod images;
mod table;

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::data::{self, NamedData, Split};
use crate::files;

use images::Examined;

/// `trainer doctor`.
#[derive(Args)]
#[command(after_help = format!("{CHECKS}\n\n{}", data::HELP))]
pub struct DoctorArgs {
    /// Data to look at, as NAME=DIR (see below); repeat it for several
    #[arg(long, required = true)]
    data: Vec<NamedData>,
    /// Write what was found to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

const CHECKS: &str = "\
Fatal, with exit code 1, and refused by `trainer train`:
  folders, names or tables that are not the layout's; files that cannot be decoded;
  identities or files (byte for byte) that both train and test; a test set without one
  query that can be measured
Warnings:
  other counts than the published set has; copies within a split; queries without a match
  from another camera in the gallery";

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Training refuses the data.
    Fatal,
    /// Figures may not mean what they seem to.
    Warning,
}

/// Something that a user should know.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    severity: Severity,
    text: String,
    /// Every file or identity that it is about.
    about: Vec<String>,
}

/// How many of [`Finding::about`] are shown; a JSON file has them all.
const SHOWN: usize = 10;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)?;
        for line in self.about.iter().take(SHOWN) {
            write!(f, "\n  {line}")?;
        }
        match self.about.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Finding {
    fn fatal(text: String) -> Self {
        Self {
            severity: Severity::Fatal,
            text,
            about: Vec::new(),
        }
    }

    fn warning(text: String) -> Self {
        Self {
            severity: Severity::Warning,
            text,
            about: Vec::new(),
        }
    }

    fn about(self, about: Vec<String>) -> Self {
        Self { about, ..self }
    }
}

/// What is known of a data set.
#[derive(Serialize)]
struct Diagnosis {
    data: String,
    splits: Vec<table::SplitSummary>,
    findings: Vec<Finding>,
}

/// Looks at every image of the data and says what it found.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let mut diagnoses = Vec::new();
    for data in &args.data {
        // A table that cannot be read says so once.
        let splits = data.splits().unwrap_or_else(|_| vec![Split::Train]);
        let examined = Examined::read(data, &splits);
        let diagnosis = Diagnosis {
            data: data.to_string(),
            splits: table::summaries(&examined),
            findings: checks::all(&examined),
        };
        print!("{}", table::text(&diagnosis));
        diagnoses.push(diagnosis);
    }
    if let Some(path) = &args.json {
        files::write_json(path, &diagnoses)?;
        println!("{}", path.display());
    }
    let sick = |diagnosis: &&Diagnosis| fatal(&diagnosis.findings).next().is_some();
    let sick: Vec<&str> = (diagnoses.iter().filter(sick))
        .map(|diagnosis| diagnosis.data.as_str())
        .collect();
    if !sick.is_empty() {
        bail!("not fit for training or testing: {}", sick.join(", "));
    }
    Ok(())
}

fn fatal(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    (findings.iter()).filter(|finding| finding.severity == Severity::Fatal)
}

/// Checks what a run uses and no more: the training splits of its sources and the test
/// splits of its targets. Where a target is a source, no identity may be in both; no test
/// image of any target may be a training image of any source. Warnings are printed.
///
/// # Errors
/// Everything that `trainer doctor` calls fatal.
pub fn refuse_fatal(sources: &[NamedData], targets: &[NamedData]) -> Result<()> {
    let used: Vec<Examined> = (used(sources, targets).iter())
        .map(|(data, splits)| Examined::read(data, splits))
        .collect();
    let mut findings = Vec::new();
    for (place, target) in used.iter().enumerate() {
        findings.extend(checks::all(target));
        for (_, source) in used.iter().enumerate().filter(|(other, _)| *other != place) {
            findings.extend(checks::shared(source, target));
        }
    }
    for finding in findings.iter().filter(|f| f.severity == Severity::Warning) {
        println!("warning: {}", finding.text);
    }
    let fatal: Vec<String> = fatal(&findings).map(Finding::to_string).collect();
    if !fatal.is_empty() {
        bail!(
            "{}\n`trainer doctor` shows all that it finds",
            fatal.join("\n")
        );
    }
    Ok(())
}

/// Every data set once, with the splits that are used of it.
fn used<'a>(
    sources: &'a [NamedData],
    targets: &'a [NamedData],
) -> Vec<(&'a NamedData, Vec<Split>)> {
    let sources = sources.iter().map(|data| (data, &[Split::Train][..]));
    let targets = targets.iter().map(|data| (data, &Split::ALL[1..]));
    let mut used: Vec<(&NamedData, Vec<Split>)> = Vec::new();
    for (data, splits) in sources.chain(targets) {
        match used.iter_mut().find(|(known, _)| same(known, data)) {
            Some((_, known)) => known.extend(splits),
            None => used.push((data, splits.to_vec())),
        }
    }
    for (_, splits) in &mut used {
        splits.sort_unstable();
        splits.dedup();
    }
    used
}

/// Whether two names mean the same data, however their folders are written.
fn same(a: &NamedData, b: &NamedData) -> bool {
    let real = |data: &NamedData| {
        let real = data.folder.canonicalize();
        real.unwrap_or_else(|_| data.folder.clone())
    };
    a.layout == b.layout && real(a) == real(b)
}
