//! This project's speed beside that of the usual programs, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{demo, files, parity, paths, process};

/// Measurements of each side; an odd number has a median.
const REPEATS: usize = 5;

/// The loader beside torchvision's transforms under PyTorch's DataLoader, in turn, on drawn
/// people in JPEG. `python` has torch and torchvision; one is set up unless given.
pub fn loader(python: Option<PathBuf>, workers: usize, seconds: f64) -> Result<()> {
    let python = match python {
        Some(python) => python,
        None => parity::environment()?,
    };
    demo::build_trainer()?;
    let data = paths::target().join("bench/plaza");
    if !data.is_dir() {
        let mut synth = Command::new(paths::trainer());
        synth.args(["synth", "--ids", "240", "--out"]);
        process::run(synth.arg(&data))?;
    }
    let (workers, seconds) = (workers.to_string(), seconds.to_string());
    let options = ["--workers", &workers, "--seconds", &seconds];
    let ours = || {
        let mut command = Command::new(paths::trainer());
        command.args(["bench", "loader", "--data"]);
        command.arg(format!("market1501={}", data.display()));
        measure(command.args(options))
    };
    let theirs = || {
        let script = paths::root().join("trainer/bench/torchvision_loader.py");
        let mut command = Command::new(&python);
        command.arg(script).arg(data.join("bounding_box_train"));
        measure(command.args(options))
    };
    let (mut found, mut peer) = (Vec::new(), Vec::new());
    println!("images per second with {workers} workers, {seconds} s each");
    println!("{:>12} {:>12}", "this loader", "torchvision");
    for _ in 0..REPEATS {
        found.push(ours()?);
        peer.push(theirs()?);
        println!(
            "{:>12.0} {:>12.0}",
            found[found.len() - 1],
            peer[peer.len() - 1]
        );
    }
    let (ours, theirs) = (median(&mut found), median(&mut peer));
    println!(
        "{ours:>12.0} {theirs:>12.0}  median\n{:>12} {:>12}  spread\nratio {:.2}",
        spread(&found),
        spread(&peer),
        ours / theirs
    );
    Ok(())
}

/// A test set of drawn embeddings.
struct Size {
    name: &'static str,
    options: [&'static str; 6],
    rerank: bool,
}

/// Market-1501's test set, a tenth of MSMT17's and all of it.
const SIZES: [Size; 3] = [
    Size {
        name: "Market-1501",
        options: [
            "--queries",
            "3368",
            "--gallery",
            "15913",
            "--identities",
            "750",
        ],
        rerank: true,
    },
    Size {
        name: "MSMT17 / 10",
        options: [
            "--queries",
            "1166",
            "--gallery",
            "8216",
            "--identities",
            "306",
        ],
        rerank: false,
    },
    Size {
        name: "MSMT17",
        options: [
            "--queries",
            "11659",
            "--gallery",
            "82161",
            "--identities",
            "3060",
        ],
        rerank: false,
    },
];

/// What both sides print.
#[derive(serde::Deserialize)]
struct Evaluated {
    product: f64,
    evaluate: f64,
    map: f64,
    rank1: f64,
    rerank: Option<f64>,
    reranked_map: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

/// Evaluation and re-ranking beside the customary NumPy code, in turn, on the same drawn
/// embeddings. `python` has NumPy; one is set up unless given.
pub fn evaluation(python: Option<PathBuf>) -> Result<()> {
    let python = match python {
        Some(python) => python,
        None => parity::environment()?,
    };
    demo::build_trainer()?;
    let folder = paths::target().join("bench/embeddings");
    let script = paths::root().join("trainer/bench/numpy_evaluation.py");
    println!(
        "seconds; embeddings of 512 numbers; medians of {REPEATS}, of NumPy's slow parts one run"
    );
    for size in SIZES {
        let ours = || -> Result<Evaluated> {
            let mut command = Command::new(paths::trainer());
            command.args(["bench", "eval"]).args(size.options);
            command.args(size.rerank.then_some("--rerank"));
            evaluated(command.arg("--write").arg(&folder))
        };
        let mut found = vec![ours()?];
        let mut command = Command::new(&python);
        command.arg(&script).arg(&folder).args(["--dim", "512"]);
        let theirs = evaluated(command.args(size.rerank.then_some("--rerank")))?;
        for _ in 1..REPEATS {
            found.push(ours()?);
        }
        files::remove(&folder)?;
        let agree = |a: f64, b: f64| (a - b).abs() < 1e-5;
        let first = &found[0];
        ensure!(
            agree(first.map, theirs.map) && agree(first.rank1, theirs.rank1),
            "the two sides disagree: mAP {} and {}, Rank-1 {} and {}",
            first.map,
            theirs.map,
            first.rank1,
            theirs.rank1
        );
        let middle = |value: fn(&Evaluated) -> f64| -> (f64, String) {
            let mut values: Vec<f64> = found.iter().map(value).collect();
            let median = median(&mut values);
            (
                median,
                format!("{:.2}-{:.2}", values[0], values[values.len() - 1]),
            )
        };
        let (product, products) = middle(|found| found.product);
        let (evaluate, evaluates) = middle(|found| found.evaluate);
        println!("\n{}", size.name);
        println!(
            "  {:<34}{:>8}  {:>12}  {:>8}  ratio",
            "", "ours", "spread", "NumPy"
        );
        let line = |what: &str, ours: f64, spread: &str, theirs: f64| {
            println!(
                "  {what:<34}{ours:>8.2}  {spread:>12}  {theirs:>8.2}  {:.1}",
                theirs / ours
            );
        };
        line("matrix product alone", product, &products, theirs.product);
        line(
            "CMC and mAP, product included",
            evaluate,
            &evaluates,
            theirs.evaluate,
        );
        println!(
            "  evaluation over the faster product: {:.2}",
            evaluate / product.min(theirs.product)
        );
        if let (Some(peer), Some(ours), Some(map)) =
            (theirs.rerank, first.reranked_map, theirs.reranked_map)
        {
            ensure!(agree(ours, map), "re-ranked mAP {ours} and {map} disagree");
            let (rerank, spread) = middle(|found| found.rerank.unwrap_or(f64::NAN));
            line("re-ranking and its evaluation", rerank, &spread, peer);
        }
        if let Some(bytes) = first.peak_memory_bytes {
            println!("  our peak memory: {} MB", bytes / 1_000_000);
        }
    }
    Ok(())
}

/// The JSON that a command prints.
fn evaluated(command: &mut Command) -> Result<Evaluated> {
    let said = output(command)?;
    serde_json::from_str(&said).with_context(|| format!("`{said}` is no measurement"))
}

/// What a command prints before `images/s`.
fn measure(command: &mut Command) -> Result<f64> {
    let said = output(command)?;
    let number = said.lines().find_map(|line| line.strip_suffix(" images/s"));
    let wrong = || format!("`{said}` is no measurement");
    number.with_context(wrong)?.parse().with_context(wrong)
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of sorted values.
fn spread(sorted: &[f64]) -> String {
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => format!("{low:.0}-{high:.0}"),
        _ => String::new(),
    }
}
