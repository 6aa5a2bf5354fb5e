//! Indexes: built, searched, updated and damaged.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use dcac_tests::embeddings::{drawn, fails, ok, write};
use dcac_tests::trainer::{Trained, pictures};
use safetensors::SafeTensors;
use serde_json::Value;

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
    assert_eq!(parts(&at.join("ix"), "vectors").len(), count.div_ceil(20));

    // By the codes, by all embeddings, and as `rank` has it.
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
    let evened = "--normalize-cameras";
    ok(&at, &format!("{search} {evened} --json evened.json"));
    let evened_out = results(&at.join("evened.json"));
    let each = |option, found| (queries.iter().zip(found)).map(move |pair| (option, pair));
    for (option, (query, found)) in each("", &exact).chain(each(evened, &evened_out)) {
        let gallery = "rank --model f32 --gallery data/bounding_box_test --json rank.json --query";
        ok(
            &at,
            format!("{gallery} {} {option}", query.display()).trim(),
        );
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

    // No name of these tells a camera.
    write(
        &at.join("unnamed.safetensors"),
        &names[1..],
        &rows[width..],
        width,
    );
    ok(
        &at,
        "index --out unnamed --model f32 --from unnamed.safetensors",
    );
    let unnamed = format!(
        "search --index unnamed --model f32 {evened} --query {}",
        queries[0].display()
    );
    fails(&at, &unnamed, &["unnamed tells a camera"]);

    // Another model, another width, numbers that are none.
    let query = &queries[0].display();
    let other = format!("search --index ix --model f16 --query {query}");
    fails(&at, &other, &["f16 is not the model", "ix"]);
    ok(&at, "export --model f32 --out both --flip");
    let flipped = format!("search --index ix --model both --query {query}");
    fails(&at, &flipped, &["both is not the model", "ix"]);
    write(&at.join("wide.safetensors"), &names, &[0.5; 30], 10);
    fails(&at, "index --out ix --from wide.safetensors", &["10", "ix"]);
    ok(&at, "index --out narrow --from wide.safetensors");
    let narrow = format!("search --index narrow --model f32 --query {query}");
    for how in ["", " --normalize-cameras"] {
        fails(&at, &format!("{narrow}{how}"), &["narrow", "10"]);
    }
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
    let mut files = parts(&index, "vectors");
    files.extend(parts(&index, "rows"));
    files.extend(parts(&index, "hyperplanes"));
    files.push(index.join("index.json"));
    assert!(files.len() > 5, "{files:?}");
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
    // The last segment is read before rows are added to it.
    let last = parts(&index, "vectors").pop().expect("a segment");
    let mut changed = fs::read(&last).expect("a segment");
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    fs::write(&last, changed).expect("a damaged segment");
    let (names, rows) = drawn(7, 8, width);
    write(&at.join("one.safetensors"), &names, &rows, width);
    let name = last.file_name().expect("a name").to_string_lossy();
    let add = "index --out ix --segment-rows 20 --model f32 --from one.safetensors";
    fails(at, add, &[&name]);
}
