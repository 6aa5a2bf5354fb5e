//! `trainer doctor`: whether a data set is what it should be.

mod checks;
mod images;
mod table;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::data::{self, NamedData, Split};
use crate::files;

use images::Examined;

/// `trainer doctor`.
#[derive(Args)]
#[command(after_help = data::HELP)]
pub struct DoctorArgs {
    /// Data to look at, as NAME=DIR (see below); repeat it for several
    #[arg(long, required = true)]
    data: Vec<NamedData>,
    /// Write what was found to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

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
}

impl Finding {
    fn fatal(text: String) -> Self {
        Self {
            severity: Severity::Fatal,
            text,
        }
    }

    fn warning(text: String) -> Self {
        Self {
            severity: Severity::Warning,
            text,
        }
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
        let splits: &[Split] = if data.layout.has_test() {
            &Split::ALL
        } else {
            &[Split::Train]
        };
        let examined = Examined::read(data, splits);
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

/// Refuses training splits and test splits that are not fit for use, and test images that
/// are training images; prints what else a user should know.
pub fn refuse_fatal(sources: &[NamedData], targets: &[NamedData]) -> Result<()> {
    let mut findings = Vec::new();
    let (mut trained, mut tested) = (Vec::new(), Vec::new());
    for source in sources {
        let examined = Examined::read(source, &[Split::Train]);
        findings.extend(checks::all(&examined));
        trained.push(examined);
    }
    for target in targets {
        if !target.layout.has_test() {
            bail!("{target} has no test images in its protocol; choose another target");
        }
        let examined = Examined::read(target, &[Split::Query, Split::Gallery]);
        findings.extend(checks::all(&examined));
        tested.push(examined);
    }
    for (source, target) in trained
        .iter()
        .flat_map(|s| tested.iter().map(move |t| (s, t)))
    {
        findings.extend(checks::shared(source, target));
    }
    for finding in findings.iter().filter(|f| f.severity == Severity::Warning) {
        println!("warning: {}", finding.text);
    }
    let fatal: Vec<&str> = fatal(&findings).map(|f| f.text.as_str()).collect();
    if !fatal.is_empty() {
        bail!(
            "{}\n`trainer doctor` shows all that it finds",
            fatal.join("\n")
        );
    }
    Ok(())
}
