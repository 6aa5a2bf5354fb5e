//! This project's speed beside that of the usual programs, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{files, parity, paths, process, trainer};

/// Measurements of each side; an odd number has a median.
const REPEATS: usize = 5;

/// The loader beside torchvision's transforms under PyTorch's DataLoader, in turn, on drawn
/// people in JPEG. `python` has torch and torchvision; one is set up unless given.
pub fn loader(python: Option<PathBuf>, workers: usize, seconds: f64) -> Result<()> {
    let python = match python {
        Some(python) => python,
        None => parity::environment()?,
    };
    trainer::build("")?;
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
    trainer::build("")?;
    let folder = paths::target().join("bench/embeddings");
    let script = paths::root().join("trainer/bench/numpy_evaluation.py");
    println!(
        "seconds; embeddings of 512 numbers; medians of {REPEATS} in turn, of NumPy with re-ranking one run"
    );
    for size in SIZES {
        let ours = || -> Result<Evaluated> {
            let mut command = Command::new(paths::trainer());
            command.args(["bench", "eval"]).args(size.options);
            command.args(size.rerank.then_some("--rerank"));
            evaluated(command.arg("--write").arg(&folder))
        };
        let theirs = || {
            let mut command = Command::new(&python);
            command.arg(&script).arg(&folder).args(["--dim", "512"]);
            evaluated(command.args(size.rerank.then_some("--rerank")))
        };
        let (mut found, mut peer) = (Vec::new(), Vec::new());
        for repeat in 0..REPEATS {
            found.push(ours()?);
            if repeat == 0 || !size.rerank {
                peer.push(theirs()?);
            }
        }
        files::remove(&folder)?;
        let agree = |a: f64, b: f64| (a - b).abs() < 1e-5;
        let (first, other) = (&found[0], &peer[0]);
        ensure!(
            agree(first.map, other.map) && agree(first.rank1, other.rank1),
            "the two sides disagree: mAP {} and {}, Rank-1 {} and {}",
            first.map,
            other.map,
            first.rank1,
            other.rank1
        );
        println!("\n{}", size.name);
        println!(
            "  {:<34}{:>8}  {:>13}  {:>8}  {:>13}  ratio",
            "", "ours", "spread", "NumPy", "spread"
        );
        let line = |what: &str, value: fn(&Evaluated) -> f64| {
            let middle = |side: &[Evaluated]| -> (f64, String) {
                let mut values: Vec<f64> = side.iter().map(value).collect();
                let median = median(&mut values);
                let spread = format!("{:.3}-{:.3}", values[0], values[values.len() - 1]);
                (median, spread)
            };
            let ((ours, spread), (theirs, other)) = (middle(&found), middle(&peer));
            println!(
                "  {what:<34}{ours:>8.3}  {spread:>13}  {theirs:>8.3}  {other:>13}  {:.1}",
                theirs / ours
            );
            (ours, theirs)
        };
        let (ours, theirs) = line("matrix product alone", |found| found.product);
        let (evaluate, _) = line("CMC and mAP, product included", |found| found.evaluate);
        println!(
            "  evaluation over the product: {:.2}, over NumPy's: {:.2}",
            evaluate / ours,
            evaluate / theirs
        );
        if let (Some(ours), Some(theirs)) = (first.reranked_map, other.reranked_map) {
            ensure!(
                agree(ours, theirs),
                "re-ranked mAP {ours} and {theirs} disagree"
            );
            line("re-ranking and its evaluation", |found| {
                found.rerank.unwrap_or(f64::NAN)
            });
        }
        if let Some(bytes) = first.peak_memory_bytes {
            println!("  our peak memory: {} MB", bytes / 1_000_000);
        }
    }
    Ok(())
}

/// What either side of [`index`] writes.
#[derive(serde::Deserialize)]
struct Searched {
    how: String,
    recall: f64,
    median: f64,
    build_seconds: Option<f64>,
}

/// The index beside those of faiss, on the same drawn embeddings: `python` has NumPy and
/// faiss-cpu. `hnsw` has faiss build a graph too, which takes long.
pub fn index(python: &Path, vectors: usize, hnsw: bool) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Ours {
        build_seconds: f64,
        searches: Vec<Searched>,
    }
    trainer::build("")?;
    let folder = paths::target().join("bench/index");
    let json = folder.join("ours.json");
    let vectors = vectors.to_string();
    let mut command = Command::new(paths::trainer());
    command.args(["bench", "index", "--vectors", &vectors]);
    for candidates in ["512", "1024", "2048", "4096"] {
        command.args(["--candidates", candidates]);
    }
    process::run(command.arg("--write").arg(&folder).arg("--json").arg(&json))?;
    let read = std::fs::read(&json).context("the program has written no figures")?;
    let ours: Ours = serde_json::from_slice(&read)?;
    let mut command = Command::new(python);
    command.arg(paths::root().join("trainer/bench/faiss_index.py"));
    command.arg(&folder).args(["--width", "512"]);
    let said = output(command.args(hnsw.then_some("--hnsw")))?;
    let theirs: Vec<Searched> =
        serde_json::from_str(&said).with_context(|| format!("`{said}` is no measurement"))?;
    files::remove(&folder)?;
    println!(
        "\n{:<46}{:>8}  {:>9}  {:>8}",
        "one query at a time, one core", "recall", "median ms", "build s"
    );
    for found in ours.searches.iter().chain(&theirs) {
        println!(
            "{:<46}{:>8.3}  {:>9.2}  {:>8.1}",
            found.how,
            found.recall,
            found.median,
            found.build_seconds.unwrap_or(ours.build_seconds)
        );
    }
    let fastest = |side: &[Searched]| {
        let enough = side.iter().filter(|found| found.recall >= 0.98);
        enough.map(|found| found.median).min_by(f64::total_cmp)
    };
    match (fastest(&ours.searches), fastest(&theirs)) {
        (Some(ours), Some(theirs)) => println!(
            "recall of 0.98 or more: {ours:.2} ms here, {theirs:.2} ms there, ratio {:.1}",
            theirs / ours
        ),
        _ => println!("one side reaches no recall of 0.98"),
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

pub(crate) fn median(values: &mut [f64]) -> f64 {
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
