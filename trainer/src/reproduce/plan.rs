//! The runs that a table needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table as Toml, Value};

use super::roles::Cast;
use super::tables::{Row, Table, config};
use crate::config::{RunConfig, overrides};
use crate::data::{NamedData, distinct};

/// What the sizes of the models come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// CLIP ViT-B/16 and Stable Diffusion v1.5
    Paper,
    /// The sizes, rates and losses of small-dcac.toml
    Small,
    /// Those of small-stem-dcac.toml
    SmallStem,
    /// Those of tiny-dcac.toml
    Tiny,
    /// Those of tiny-stem-dcac.toml
    TinyStem,
}

impl Preset {
    /// The configuration that a row's is put over.
    fn base(self) -> Option<&'static str> {
        match self {
            Self::Paper => None,
            Self::Small => Some("small-dcac"),
            Self::SmallStem => Some("small-stem-dcac"),
            Self::Tiny => Some("tiny-dcac"),
            Self::TinyStem => Some("tiny-stem-dcac"),
        }
    }
}

/// One run of a table's row.
pub struct PlannedRun {
    /// Name of its configuration.
    pub config_name: String,
    /// The configuration.
    pub config: RunConfig,
    /// What it trains on.
    pub sources: Vec<NamedData>,
    /// What it is evaluated on.
    pub targets: Vec<NamedData>,
    /// Its folder.
    pub folder: PathBuf,
}

/// One cell: a row under a column, with one run per seed.
pub struct Cell {
    /// Published mAP and Rank-1, in percent.
    pub published: Option<[f64; 2]>,
    /// Its runs and what they are judged on, or why it cannot be run.
    pub runs: Runs,
}

/// Settings that all runs share.
pub struct Settings<'a> {
    /// Where all runs go.
    pub out: &'a Path,
    /// Sizes.
    pub preset: Preset,
    /// Seeds.
    pub seeds: &'a [u64],
    /// `--set`.
    pub overrides: &'a [String],
}

/// The cells of a row, column by column.
pub fn cells(table: &Table, row: &Row, cast: &Cast, settings: &Settings) -> Result<Vec<Cell>> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            Ok(Cell {
                published: row.published.get(index).copied(),
                runs: cell(table, row, column, cast, settings)?,
            })
        })
        .collect()
}

/// Runs, one a seed, and the targets that a mean is over.
pub type Runs = Result<(Vec<PlannedRun>, Vec<NamedData>), String>;

fn cell(table: &Table, row: &Row, column: &str, cast: &Cast, settings: &Settings) -> Result<Runs> {
    let (sources, targets) = (column.split_once('>')).context("a column is SOURCE>TARGET")?;
    let roles: Vec<&str> = sources.split('+').collect();
    let needed = distinct(roles.iter().copied().chain(targets.split('+')));
    let absent: Vec<&str> = (needed.into_iter())
        .filter(|&role| !cast.contains_key(role))
        .collect();
    if !absent.is_empty() {
        return Ok(Err(format!("needs {}", absent.join(", "))));
    }
    let name = (row.configs.get(sources).or(row.config.as_ref()))
        .with_context(|| format!("{} has no configuration for {sources}", row.name))?;
    // A configuration that several sources share says nothing of them in its name.
    let mut run_name = name.replace('/', "-");
    if !row.configs.contains_key(sources) {
        run_name = format!("{run_name}-on-{sources}");
    }
    // The same run serves all columns and tables that its data allows: what is not trained
    // on, and for a single source its own test images (Table 8).
    let judged = |role: &&String| roles.len() == 1 || !roles.contains(&role.as_str());
    let data = |role: &str| cast.get(role).cloned();
    let mut runs = Vec::new();
    for &seed in settings.seeds {
        runs.push(PlannedRun {
            config_name: name.clone(),
            config: resolve(name, settings, seed)?,
            sources: roles.iter().filter_map(|role| data(role)).collect(),
            targets: (table.roles.iter().filter(judged))
                .filter_map(|role| data(role))
                .collect(),
            folder: (settings.out.join("runs")).join(format!("{run_name}-seed{seed}")),
        });
    }
    let targets = targets.split('+').filter_map(data).collect();
    Ok(Ok((runs, targets)))
}

/// The configuration of a row at the wanted size.
fn resolve(name: &str, settings: &Settings, seed: u64) -> Result<RunConfig> {
    let row = config(name)?;
    let mut table = match settings.preset.base() {
        None => row,
        Some(base) => {
            let mut table = config(base)?;
            if !row.contains_key("diffusion") {
                table.remove("diffusion");
            }
            merge(&mut table, row);
            table
        }
    };
    for set in settings.overrides {
        overrides::apply(&mut table, set)?;
    }
    table.insert("seed".to_string(), Value::Integer(seed.try_into()?));
    RunConfig::from_table(table, &format!("configuration {name}"))
}

/// Puts a row's keys over a base, but for the presets of sizes.
fn merge(base: &mut Toml, row: Toml) {
    for (key, value) in row {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            _ if key == "preset" => (),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use dcac_model::condition::Scheme;

    use super::*;

    fn resolved(name: &str, preset: Preset) -> RunConfig {
        let settings = Settings {
            out: Path::new("runs"),
            preset,
            seeds: &[],
            overrides: &[],
        };
        resolve(name, &settings, 1234).unwrap()
    }

    #[test]
    fn a_preset_has_its_own_sizes_and_its_rows_method() {
        for preset in Preset::value_variants() {
            let baseline = resolved("single-source/market1501-baseline", *preset);
            let instance = resolved("table-7/market1501-instance", *preset);
            assert!(baseline.model.diffusion.is_none());
            let scheme = instance.model.diffusion.unwrap().condition.scheme;
            assert_eq!(scheme, Scheme::Instance);
            assert_eq!(baseline.model.encoder, instance.model.encoder);
            if let Some(base) = preset.base() {
                let base = RunConfig::from_table(config(base).unwrap(), base).unwrap();
                assert_eq!(baseline.model.encoder, base.model.encoder);
            }
        }
    }

    #[test]
    fn a_baselines_file_is_dcacs_without_diffusion() {
        for size in ["tiny", "small"] {
            let mut dcac = config(&format!("{size}-dcac")).unwrap();
            dcac.remove("diffusion");
            assert_eq!(dcac, config(&format!("{size}-baseline")).unwrap());
        }
    }
}
