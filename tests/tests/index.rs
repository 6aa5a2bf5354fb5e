//! Indexes: built, searched, updated, killed and damaged.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use dcac_tests::trainer::{Trained, pictures, trainer, trainer_ok};
use rand::{Rng, SeedableRng};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use xtask::paths;

/// Runs a line in a folder; it must succeed.
fn ok(at: &Path, line: &str) -> String {
    let output = trainer(at, line.split(' ')).expect("a trainer");
    assert!(output.status.success(), "{line}: {}", errors(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a line in a folder; it must fail and say each of `expected`.
fn fails(at: &Path, line: &str, expected: &[&str]) {
    let output = trainer(at, line.split(' ')).expect("a trainer");
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{line}: {said}");
    assert!(!said.contains("panicked"), "{line}: {said}");
    for part in expected {
        assert!(said.contains(part), "{line}: no `{part}` in: {said}");
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file as `trainer extract` writes it.
fn write(path: &Path, names: &[String], rows: &[f32], width: usize) {
    let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![names.len(), width], &bytes).expect("a tensor");
    let told = HashMap::from([("images".to_string(), names.join("\n"))]);
    let file = safetensors::serialize([("embeddings", view)], Some(told)).expect("a file");
    fs::write(path, file).expect("a written file");
}

/// Rows `from..to` of an endless list of embeddings that differ.
fn drawn(from: u64, to: u64, width: usize) -> (Vec<String>, Vec<f32>) {
    let names = (from..to).map(|row| format!("drawn/{row}.jpg")).collect();
    let row = |row| {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(row);
        let values = rng.random_iter::<f32>().take(width);
        values.map(|value| value - 0.5).collect::<Vec<f32>>()
    };
    (names, (from..to).flat_map(row).collect())
}

/// The results of each ranking, as path and score.
fn results(json: &Path) -> Vec<Vec<(String, f64)>> {
    let rankings: Value = serde_json::from_slice(&fs::read(json).expect("rankings")).expect("JSON");
    let hit = |hit: &Value| {
        let image = hit["image"].as_str().expect("an image").to_string();
        (image, hit["score"].as_f64().expect("a score"))
    };
    let hits = |ranking: &Value| {
        let results = ranking["results"].as_array().expect("results");
        results.iter().map(hit).collect()
    };
    (rankings.as_array().expect("a list").iter().map(hits)).collect()
}

/// The files of an index with an ending.
fn parts(index: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(index).expect("an index");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}

#[test]
fn built_searched_updated_and_damaged() {
    let trained = Trained::make().expect("a small model");
    let at = trained.path("");
    ok(
        &at,
        "extract --model f32 --images data/bounding_box_test --out e.safetensors",
    );
    let bytes = fs::read(at.join("e.safetensors")).expect("embeddings");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let &[count, width] = file.tensor("embeddings").expect("embeddings").shape() else {
        panic!("embeddings of another shape");
    };
    let index = "index --out ix --segment-rows 20 --from e.safetensors";
    let said = ok(&at, index);
    assert!(
        said.contains(&format!("{count} added, 0 replaced, 0 unchanged")),
        "{said}"
    );
    assert_eq!(parts(&at.join("ix"), "usearch").len(), count.div_ceil(20));

    // Along the graphs, row by row, and as `rank` has it.
    let queries = pictures(&at.join("data/query"), 5, 3).expect("queries");
    let named: String = (queries.iter())
        .map(|path| format!(" --query {}", path.display()))
        .collect();
    let search = format!("search --index ix --model f32 --top {count}{named}");
    ok(&at, &format!("{search} --json near.json"));
    ok(&at, &format!("{search} --exact --json exact.json"));
    let (near, exact) = (
        results(&at.join("near.json")),
        results(&at.join("exact.json")),
    );
    assert_eq!(near, exact);
    for (query, found) in queries.iter().zip(&exact) {
        let gallery = "rank --model f32 --gallery data/bounding_box_test --json rank.json --query";
        ok(&at, &format!("{gallery} {}", query.display()));
        let ranking = fs::read(at.join("rank.json")).expect("a ranking");
        let ranking: Value = serde_json::from_slice(&ranking).expect("JSON");
        let expected = ranking["results"].as_array().expect("results");
        assert_eq!(expected.len(), found.len());
        let scores: HashMap<&str, f64> = (found.iter())
            .map(|(image, score)| (image.as_str(), *score))
            .collect();
        for (hit, (_, score)) in expected.iter().zip(found) {
            let own = scores[hit["image"].as_str().expect("an image")];
            let expected = hit["score"].as_f64().expect("a score");
            // Rows are kept in 16 bits.
            assert!((own - expected).abs() < 1e-3, "{own} for {expected}");
            assert!((score - expected).abs() < 1e-3, "{score} for {expected}");
        }
    }

    // Nothing new, then rows that are new, changed and removed.
    let extract = "extract --model f32 --images data/bounding_box_test --out e.parquet";
    ok(&at, extract);
    for again in [index, &index.replace("e.safetensors", "e.parquet")] {
        let said = ok(&at, again);
        let same = format!("0 added, 0 replaced, {count} unchanged");
        assert!(said.contains(&same), "{said}");
    }
    let first = exact[0][0].0.clone();
    let (mut names, rows) = drawn(0, 3, width);
    names[0].clone_from(&first);
    write(&at.join("more.safetensors"), &names, &rows, width);
    let more = "index --out ix --segment-rows 20 --from more.safetensors";
    fails(&at, more, &["--model"]);
    let said = ok(&at, &format!("{more} --model f32"));
    assert!(said.contains("2 added, 1 replaced, 0 unchanged"), "{said}");
    ok(&at, "index --out ix --remove drawn/1.jpg");
    fails(
        &at,
        "index --out ix --remove drawn/1.jpg",
        &["ix", "drawn/1.jpg"],
    );
    for how in ["", " --exact"] {
        let search = format!("search --index ix --model f32 --json now.json{named}");
        ok(&at, &format!("{search} --top {}{how}", count + 5));
        let found = &results(&at.join("now.json"))[0];
        let of = |name: &str| found.iter().filter(|(image, _)| image == name).count();
        assert_eq!((found.len(), of(&first)), (count + 1, 1));
        assert_eq!((of("drawn/1.jpg"), of("drawn/2.jpg")), (0, 1));
        let score = found
            .iter()
            .find(|(image, _)| *image == first)
            .expect("a row")
            .1;
        assert!(
            score < exact[0][0].1 - 0.1,
            "the old row still counts: {score}"
        );
    }

    // Another model, another width, numbers that are none.
    let query = &queries[0].display();
    let other = format!("search --index ix --model f16 --query {query}");
    fails(&at, &other, &["f16/model.safetensors", "ix"]);
    write(&at.join("wide.safetensors"), &names, &[0.5; 30], 10);
    fails(&at, "index --out ix --from wide.safetensors", &["10", "ix"]);
    ok(&at, "index --out narrow --from wide.safetensors");
    let narrow = format!("search --index narrow --model f32 --query {query}");
    fails(&at, &narrow, &["narrow", "10"]);
    write(&at.join("nan.safetensors"), &names, &[f32::NAN; 30], 10);
    fails(&at, "index --out new --from nan.safetensors", &[&first]);
    fails(
        &at,
        "index --out data --from e.safetensors",
        &["data", "choose another"],
    );

    damage(
        &at,
        &format!("search --index ix --model f32 --query {query}"),
        width,
    );
    let table = fs::read(at.join("e.parquet")).expect("a table");
    fs::write(at.join("e.parquet"), &table[..table.len() - 9]).expect("a cut file");
    fails(&at, "index --out o --from e.parquet", &["e.parquet"]);
    fs::write(at.join("e.safetensors"), &bytes[..bytes.len() - 9]).expect("a cut file");
    fails(
        &at,
        "index --out o --from e.safetensors",
        &["e.safetensors", "long"],
    );
    // A file that was not written to its end is no embeddings at all.
    fs::write(at.join("e.safetensors"), &bytes[..20]).expect("a cut file");
    fails(
        &at,
        "index --out o --from e.safetensors",
        &["e.safetensors"],
    );
}

/// Every file of an index, changed, cut and missing, must be refused by name.
fn damage(at: &Path, search: &str, width: usize) {
    let index = at.join("ix");
    let mut files = parts(&index, "usearch");
    files.extend(parts(&index, "rows"));
    files.push(index.join("index.json"));
    assert!(files.len() > 4, "{files:?}");
    for path in files {
        let whole = fs::read(&path).expect("a file");
        let name = path.file_name().expect("a name").to_string_lossy();
        let middle = whole.len() / 2;
        let mut changed = whole.clone();
        changed[middle] ^= 0x10;
        for bytes in [&changed[..], &whole[..middle], &[]] {
            fs::write(&path, bytes).expect("a damaged file");
            fails(at, search, &[&name, "ix"]);
        }
        fs::remove_file(&path).expect("a removed file");
        fails(at, search, &[&name]);
        fs::write(&path, whole).expect("a whole file");
    }
    ok(at, search);
    // The last graph is read before rows are added to it.
    let last = parts(&index, "usearch").pop().expect("a graph");
    let mut changed = fs::read(&last).expect("a graph");
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    fs::write(&last, changed).expect("a damaged graph");
    let (names, rows) = drawn(7, 8, width);
    write(&at.join("one.safetensors"), &names, &rows, width);
    let name = last.file_name().expect("a name").to_string_lossy();
    let add = "index --out ix --segment-rows 20 --model f32 --from one.safetensors";
    fails(at, add, &[&name]);
}

/// Rows that take a second to index, in three segments.
const ROWS: u64 = 20_000;
const WIDTH: usize = 48;

fn begin(at: &Path) -> Child {
    let line = "index --out ix --from big.safetensors --segment-rows 8000 --save-every 0";
    let mut command = Command::new(paths::trainer());
    (command.current_dir(at).args(line.split(' ')))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("a build")
}

fn big() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, rows) = drawn(0, ROWS, WIDTH);
    write(&folder.path().join("big.safetensors"), &names, &rows, WIDTH);
    folder
}

/// Rows that the index has, by its own word.
fn saved(at: &Path) -> u64 {
    let manifest = fs::read(at.join("ix/index.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let segments = manifest["index"]["segments"].as_array().expect("segments");
    (segments.iter().map(|segment| segment["rows"].as_u64()))
        .sum::<Option<u64>>()
        .expect("rows")
}

/// Nothing is left but what counts.
fn assert_tidy(at: &Path) {
    let names = fs::read_dir(at.join("ix")).expect("an index");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 2 + 2 * 3, "{names:?}");
}

#[test]
fn killed_at_random_moments_it_goes_on() {
    let folder = big();
    let at = folder.path();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    println!("seed {seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut before = 0;
    for _ in 0..6 {
        let mut child = begin(at);
        std::thread::sleep(Duration::from_millis(rng.random_range(20..400)));
        child.kill().expect("a kill");
        child.wait().expect("an end");
        if at.join("ix/index.json").is_file() {
            let now = saved(at);
            assert!(now >= before, "{before} rows have become {now}");
            before = now;
        }
    }
    let output = begin(at).wait_with_output().expect("a build");
    assert!(output.status.success(), "{}", errors(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("{ROWS} rows of {WIDTH}")), "{said}");
    assert!(
        said.contains(&format!("{before} unchanged")),
        "{before}: {said}"
    );
    let again = "index --out ix --from big.safetensors";
    assert!(ok(at, again).contains(&format!("0 added, 0 replaced, {ROWS} unchanged")));
    assert_tidy(at);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let folder = big();
    let at = folder.path();
    let mut child = begin(at);
    while !at.join("ix/index.json").is_file() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let signal = ["-INT", &child.id().to_string()].map(str::to_string);
    Command::new("kill")
        .args(signal)
        .status()
        .expect("a signal");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(errors(&output).contains("the same command goes on"));
    assert!(saved(at) < ROWS);
    let output = begin(at).wait_with_output().expect("a build");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(saved(at), ROWS);
    assert_tidy(at);
}

#[test]
fn two_builders_do_not_meet() {
    let folder = big();
    let at = folder.path();
    let mut child = begin(at);
    while !at.join("ix/index.json").is_file() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    fails(
        at,
        "index --out ix --from big.safetensors",
        &["ix", "another program"],
    );
    assert!(child.wait().expect("an end").success());
    trainer_ok(at, ["index", "--out", "ix", "--from", "big.safetensors"]).expect("an index");
}
