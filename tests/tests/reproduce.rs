//! The paper's tables in small.

use std::fs;
use std::path::Path;

use dcac_tests::trainer::{trainer, trainer_ok};
use serde_json::Value;
use tempfile::TempDir;

/// Two drawn places.
fn places() -> TempDir {
    let at = tempfile::tempdir().expect("a folder");
    for place in ["plaza", "mall"] {
        let synth = format!("synth --out {place} --domain {place} --ids 12 --images-per-id 6");
        trainer_ok(at.path(), synth.split(' ')).expect("drawn people");
    }
    at
}

const SMALL: &str = "--preset tiny --set optim.epochs=2 --set sampler.identities=3 \
    --set sampler.images=3 --data MA:market1501=plaza --out all";

fn reproduce(at: &Path, rest: &str) -> String {
    let line = format!("reproduce {SMALL} {rest}");
    let output = trainer(at, line.split_whitespace()).expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{rest}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn times(said: &str, what: &str) -> usize {
    said.matches(what).count()
}

#[test]
fn a_table_is_run_once_and_stands_beside_the_papers() {
    let at = places();
    let mall = "--data MS:market1501=mall";
    let planned = reproduce(at.path(), &format!("--table 7 {mall} --dry-run"));
    assert_eq!(times(&planned, "not begun"), 8);
    let some = reproduce(
        at.path(),
        &format!("--table 7 {mall} --dry-run --row CLASS"),
    );
    assert_eq!(times(&some, "not begun"), 2, "of one row of four");
    assert!(!at.path().join("all").exists(), "a dry run writes nothing");

    // Table 8 has the rows of Table 7 for one of its sources.
    let first = reproduce(at.path(), "--table 8");
    assert_eq!(times(&first, "epoch   2/2"), 4);
    assert_eq!(times(&first, "not run: needs MS"), 4);
    assert_eq!(times(&first, " left for all"), 3, "after the first of four");
    // One of them was killed before its end.
    let broken = at.path().join("all/runs/table-7-market1501-class-seed1234");
    let figures = || -> Value {
        let bytes = fs::read(broken.join("evaluation.json")).expect("figures");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let before = figures();
    fs::remove_file(broken.join("evaluation.json")).expect("not finished");
    let second = reproduce(at.path(), &format!("--table 7 {mall}"));
    assert_eq!(times(&second, "finished already"), 3);
    assert_eq!(times(&second, "going on after epoch 2"), 1);
    assert_eq!(times(&second, "epoch   2/2"), 4, "of the other source");
    assert_eq!(times(&second, " left for all"), 4);
    assert_eq!(figures()[0], before[0]);
    assert_eq!(
        figures()[1]["folder"],
        "mall",
        "judged on what is there now"
    );
    let third = reproduce(at.path(), &format!("--table 7 {mall}"));
    assert_eq!(times(&third, "finished already"), 8);
    assert_eq!(times(&third, " left for all"), 0);

    let read = |name: &str| fs::read_to_string(at.path().join("all").join(name)).expect(name);
    let csv = read("table-7.csv");
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    // Four rows of two columns of mAP and Rank-1 below a header.
    assert_eq!(lines.len(), 17);
    for line in &lines[1..] {
        let ours: f64 = line[4].parse().expect("a figure in each cell");
        let published: f64 = line[7].parse().expect("the paper's beside it");
        let delta: f64 = line[8].parse().expect("and their difference");
        assert!((ours - published - delta).abs() < 1e-3);
    }
    assert!(lines[1][7] == "22.0" || lines[1][7] == "22");
    for name in ["table-7.md", "table-7.html"] {
        let text = read(name);
        assert!(
            text.contains("DCAC (Correlation-aware)") && text.contains("52.1"),
            "{name}"
        );
        assert!(text.contains("differences mean nothing"), "{name}");
        assert!(!text.contains("not run"), "{name}");
    }
}

#[test]
fn seeds_give_means_and_what_fails_does_not_stop_the_rest() {
    let at = places();
    let said = reproduce(at.path(), "--table 8 --seeds 1,2 --set optim.epochs=1");
    assert_eq!(times(&said, "epoch   1/1"), 8);
    assert_eq!(times(&said, " ± "), 8 + 1);
    // A folder that is in the way fails one run of the four.
    let way = at.path().join("all/runs/table-7-market1501-class-seed3");
    fs::create_dir_all(&way).expect("a folder");
    fs::write(way.join("other.txt"), "mine").expect("a file");
    let line = format!("reproduce {SMALL} --table 8 --seeds 3 --set optim.epochs=1");
    let output = trainer(at.path(), line.split_whitespace()).expect("a process");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("1 of 4 runs failed"), "{errors}");
    let table = fs::read_to_string(at.path().join("all/table-8.md")).expect("a table");
    assert_eq!(times(&table, "not run: failed"), 1);
}

#[test]
fn domains_of_a_benchmark_are_means_over_targets() {
    let at = places();
    let synth = "synth --out park --domain park --ids 12 --images-per-id 6";
    trainer_ok(at.path(), synth.split(' ')).expect("drawn people");
    let run = |rest: &str| {
        let data =
            "--data plaza:market1501=plaza --data mall:market1501=mall --data park:market1501=park";
        let line = format!(
            "reproduce --preset tiny --set optim.epochs=1 --set sampler.identities=3 \
             --set sampler.images=3 --out all {data} {rest}"
        );
        let output = trainer(at.path(), line.split_whitespace()).expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), errors)
    };
    // Three of five domains fill no column: a mean over fewer targets would be another figure.
    let (ran, said) = run("--table dg-synth-one --dry-run");
    assert!(!ran && said.contains("none of the columns"), "{said}");
    let more = "--data campus:market1501=plaza --data night:market1501=mall";
    let (ran, said) = run(&format!("--table dg-synth-rest --dry-run {more}"));
    assert!(ran, "{said}");
    let (ran, said) = run("--table 5");
    assert!(!ran && said.contains("no part plaza"), "{said}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let at = places();
    for (line, said) in [
        ("--table 1", "2 to 10"),
        ("--table 7 --row nobody", "the table's rows are Baseline"),
        ("--table 5", "none of the columns"),
        ("--table 5 --data MA:market1501=mall", "both"),
        ("--table 5 --data csv=x.csv", "whose part it plays"),
    ] {
        let line = format!("reproduce {SMALL} {line}");
        let output = trainer(at.path(), line.split_whitespace()).expect("a process");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(said),
            "{said}: {errors}"
        );
    }
}
