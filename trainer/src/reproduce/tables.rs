//! The paper's tables and those of other benchmarks: their rows, the configurations behind them,
//! published figures.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::roles::ROLES;

static CONFIGS: Dir = include_dir!("$CARGO_MANIFEST_DIR/configs");

/// A table that a run of this program can fill.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What `--table` takes: the paper's number, or a name.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The parts that data sets play; the paper's four unless others are named.
    #[serde(default = "papers_roles")]
    pub roles: Vec<String>,
    /// `SOURCE+SOURCE>TARGET+TARGET`: what is trained on together, and what the mean is over.
    pub columns: Vec<String>,
    /// Its rows.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// One model of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name in the paper.
    pub name: String,
    /// Configuration by sources.
    #[serde(default)]
    pub configs: BTreeMap<String, String>,
    /// Configuration for all sources.
    pub config: Option<String>,
    /// mAP and Rank-1 of every column, in percent; empty where nothing is published.
    #[serde(default)]
    pub published: Vec<[f64; 2]>,
    /// What training cost the authors (Table 6).
    pub cost: Option<PublishedCost>,
}

/// Cost on the authors' NVIDIA RTX A6000, batches of 64 images.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedCost {
    pub step_ms: f64,
    pub forward_tflops: f64,
    pub memory_gb: f64,
    pub trainable_millions: f64,
}

/// Files of tables.
const FILES: [&str; 2] = [
    include_str!("published.toml"),
    include_str!("dg-synth.toml"),
];

#[derive(Deserialize)]
struct Tables {
    table: Vec<Table>,
}

fn papers_roles() -> Vec<String> {
    ROLES.map(str::to_string).to_vec()
}

impl Table {
    /// A table by its number or name.
    pub fn read(id: &str) -> Result<Self> {
        for text in FILES {
            let tables: Tables = toml::from_str(text)?;
            if let Some(table) = tables.table.into_iter().find(|table| table.id == id) {
                return Ok(table);
            }
        }
        bail!(
            "--table {id}: the tables that can be run are 2 to 10, dg-synth-one and dg-synth-rest"
        )
    }

    /// Keeps the rows whose name has one of `parts` in it, all if there are none.
    pub fn keep(&mut self, parts: &[String]) -> Result<()> {
        let within = |row: &Row, part: &String| {
            let name = row.name.to_lowercase();
            name.contains(&part.to_lowercase())
        };
        let of_none = |part: &&String| !self.rows.iter().any(|row| within(row, part));
        if let Some(part) = parts.iter().find(of_none) {
            let names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
            bail!("--row {part}: the table's rows are {}", names.join("; "));
        }
        if !parts.is_empty() {
            (self.rows).retain(|row| parts.iter().any(|part| within(row, part)));
        }
        Ok(())
    }

    /// What people call it.
    pub fn heading(&self) -> String {
        if self.id.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("Table {}. {}", self.id, self.title)
        } else {
            self.title.clone()
        }
    }
}

/// A configuration of `trainer/configs/`, as part of this program.
pub fn config(name: &str) -> Result<toml::Table> {
    let file = CONFIGS.get_file(format!("{name}.toml"));
    let text = file.and_then(|file| file.contents_utf8());
    text.with_context(|| format!("there is no configuration {name}"))?
        .parse()
        .with_context(|| format!("configuration {name}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dcac_model::condition::{Scheme, Transform};
    use dcac_model::diffusion::FineTune;

    use super::*;
    use crate::config::RunConfig;

    fn resolved(name: &str) -> RunConfig {
        RunConfig::from_table(config(name).unwrap(), name).unwrap()
    }

    /// Names of all configurations, by folder and file.
    fn names(dir: &Dir) -> Vec<String> {
        let own = dir.files().map(|file| {
            let path = file.path().with_extension("");
            path.to_str().unwrap().replace('\\', "/")
        });
        own.chain(dir.dirs().flat_map(names)).collect()
    }

    #[test]
    fn every_configuration_is_read_and_belongs_to_a_table() {
        let mut used = BTreeSet::new();
        for number in 2..=10 {
            let table = Table::read(&number.to_string()).unwrap();
            for row in &table.rows {
                assert_eq!(row.published.len(), table.columns.len(), "{}", row.name);
                assert_eq!(row.cost.is_some(), number == 6);
                assert!(row.config.is_none());
                for column in &table.columns {
                    let (sources, _) = column.split_once('>').unwrap();
                    used.insert(row.configs[sources].clone());
                }
            }
        }
        assert!(Table::read("1").is_err() && Table::read("11").is_err());
        for name in names(&CONFIGS) {
            resolved(&name);
            let preset = name.starts_with("tiny-") || name.starts_with("small-");
            assert!(used.contains(&name) || preset, "{name}");
        }
        assert_eq!(used.len(), names(&CONFIGS).len() - 6);
    }

    #[test]
    fn benchmarks_name_their_parts_and_configurations() {
        for id in ["dg-synth-one", "dg-synth-rest"] {
            let table = Table::read(id).unwrap();
            for column in &table.columns {
                let (sources, targets) = column.split_once('>').unwrap();
                let mut roles: Vec<&str> = sources.split('+').chain(targets.split('+')).collect();
                roles.sort_unstable();
                let mut all: Vec<&str> = table.roles.iter().map(String::as_str).collect();
                all.sort_unstable();
                assert_eq!(roles, all, "{column} leaves no domain out");
            }
            for row in &table.rows {
                resolved(row.config.as_ref().unwrap());
                assert!(row.configs.is_empty() && row.published.is_empty());
            }
        }
    }

    /// Section 5.2 of the paper: ranks and temperatures by the size of the sources.
    #[test]
    fn rows_differ_where_the_paper_says() {
        let of = |name: &str| resolved(name).model.diffusion.unwrap();
        for (source, rank, temperature) in [
            ("market1501", 8, 0.6),
            ("dukemtmc", 8, 0.6),
            ("msmt17", 32, 1.0),
            ("cuhk03np", 8, 0.1),
        ] {
            let single = of(&format!("single-source/{source}-dcac"));
            assert_eq!(
                (single.rank, single.condition.temperature),
                (rank, temperature)
            );
            assert_eq!(single.fine_tune, FineTune::Lora);
            let multi = of(&format!("multi-source/to-{source}"));
            assert_eq!((multi.rank, multi.condition.temperature), (32, 1.0));
            let baseline = resolved(&format!("single-source/{source}-baseline"));
            assert!(baseline.model.diffusion.is_none());
        }
        for source in ["market1501", "msmt17"] {
            let of = |rest: &str| {
                let (folder, name) = rest.split_once('/').unwrap();
                of(&format!("{folder}/{source}-{name}"))
            };
            assert_eq!(of("table-5/frozen").fine_tune, FineTune::Frozen);
            assert_eq!(of("table-5/partial1").fine_tune, FineTune::Partial1);
            assert_eq!(of("table-5/partial2").fine_tune, FineTune::Partial2);
            assert_eq!(of("table-5/full").fine_tune, FineTune::Full);
            assert_eq!(of("table-5/scratch").fine_tune, FineTune::Scratch);
            assert_eq!(of("table-7/instance").condition.scheme, Scheme::Instance);
            assert_eq!(of("table-7/class").condition.scheme, Scheme::Class);
            assert_eq!(of("table-9/rank16").rank, 16);
            assert_eq!(of("table-9/rank64").rank, 64);
            assert_eq!(of("table-10/silu").condition.transform, Transform::Silu);
            assert_eq!(
                of("table-10/batch-norm").condition.transform,
                Transform::BatchNorm
            );
            let net = of("table-10/condition-net").condition.transform;
            assert_eq!(net, Transform::ConditionNet);
        }
    }
}
