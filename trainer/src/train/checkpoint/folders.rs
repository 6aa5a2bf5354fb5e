//! Which checkpoints a run has.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use super::Best;
use crate::files;

const PREFIX: &str = "step-";

/// A checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    #[default]
    Last,
    /// The one with the highest mAP so far, of those evaluated while training.
    Best,
    /// The one after so many steps.
    Step(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "best" => Ok(Self::Best),
            other => (other.strip_prefix(PREFIX).unwrap_or(other).parse())
                .map(Self::Step)
                .map_err(|_| format!("`{other}` is no checkpoint; write last, best or step-120")),
        }
    }
}

/// The folder of all checkpoints of a run.
pub fn root(run: &Path) -> PathBuf {
    run.join("checkpoints")
}

/// The folder of a step's checkpoint.
pub fn of_step(run: &Path, step: u64) -> PathBuf {
    root(run).join(format!("{PREFIX}{step:07}"))
}

/// Steps of all checkpoints, ascending.
fn steps(run: &Path) -> Result<Vec<u64>> {
    let root = root(run);
    let listed = || format!("cannot list {}", root.display());
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for entry in fs::read_dir(&root).with_context(listed)? {
        let name = entry.with_context(listed)?.file_name();
        let step: Option<u64> =
            (name.to_str()).and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        steps.extend(step);
    }
    steps.sort_unstable();
    Ok(steps)
}

/// Whether a run has a checkpoint.
pub fn has_any(run: &Path) -> Result<bool> {
    Ok(!steps(run)?.is_empty())
}

/// The folder of a checkpoint that must exist.
pub fn find(run: &Path, which: &Which) -> Result<PathBuf> {
    let steps = steps(run)?;
    let Some(&last) = steps.last() else {
        bail!(
            "{} has no checkpoint yet; let `trainer train` go on until the end of an epoch",
            run.display()
        );
    };
    let step = match which {
        Which::Last => last,
        Which::Step(step) => *step,
        Which::Best => match Best::read(run)? {
            Some(best) => best.step,
            None => bail!(
                "{} was not evaluated while it trained, so it has no best checkpoint; set evaluation.every",
                run.display()
            ),
        },
    };
    if !steps.contains(&step) {
        let names: Vec<String> = steps.iter().map(|s| format!("{PREFIX}{s}")).collect();
        bail!(
            "{} has no checkpoint of step {step}; it has {}",
            run.display(),
            names.join(", ")
        );
    }
    Ok(of_step(run, step))
}

/// Removes what a killed run had begun to write.
pub fn sweep(run: &Path) -> Result<()> {
    let root = root(run);
    let failed = || format!("cannot tidy {}", root.display());
    for entry in fs::read_dir(&root).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(files::DRAFT)
        {
            fs::remove_dir_all(entry.path()).with_context(failed)?;
        }
    }
    Ok(())
}

/// Removes all checkpoints but the newest `keep` and the best.
pub fn prune(run: &Path, keep: usize, best: Option<u64>) -> Result<()> {
    let steps = steps(run)?;
    let old = steps.len().saturating_sub(keep);
    for &step in steps[..old].iter().filter(|&&step| Some(step) != best) {
        let folder = of_step(run, step);
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_best_are_kept() -> Result<()> {
        let run = tempfile::tempdir()?;
        assert!(!has_any(run.path())?);
        for step in [90, 100, 110, 1_200_000_000] {
            fs::create_dir_all(of_step(run.path(), step))?;
        }
        prune(run.path(), 2, Some(90))?;
        assert_eq!(steps(run.path())?, [90, 110, 1_200_000_000]);
        assert_eq!(
            find(run.path(), &Which::Last)?,
            of_step(run.path(), 1_200_000_000)
        );
        assert!(find(run.path(), &Which::Step(100)).is_err());
        assert!(find(run.path(), &Which::Best).is_err());
        assert_eq!("step-0000110".parse(), Ok(Which::Step(110)));
        assert!("newest".parse::<Which>().is_err());
        Ok(())
    }
}
