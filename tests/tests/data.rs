//! Every layout of `--data` on small folders: what is found in them, what is warned of and
//! what is refused, by `trainer doctor` and `trainer train` alike.

use std::fs;
use std::path::{Path, PathBuf};

use dcac_tests::trainer::{trainer, trainer_ok};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;
use xtask::paths;

/// A folder to make data sets in. Every picture is another one.
struct Place {
    folder: TempDir,
    pictures: u32,
}

/// Market-1501's folders, by the name they have in tables.
const FOLDERS: [(&str, &str); 3] = [
    ("train", "bounding_box_train"),
    ("query", "query"),
    ("gallery", "bounding_box_test"),
];

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            pictures: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a picture of its own, in the format that its name says.
    fn picture(&mut self, name: &str) {
        self.pictures += 1;
        let [_, green, blue, _] = self
            .pictures
            .to_be_bytes()
            .map(|byte| byte.wrapping_mul(37));
        let red = self.pictures as u8;
        let pixels = RgbImage::from_fn(8, 16, |x, y| Rgb([red, green ^ x as u8, blue ^ y as u8]));
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let format = ImageFormat::from_path(&path).expect("a format");
        pixels.save_with_format(&path, format).expect("a picture");
    }

    fn pictures<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        for name in names {
            self.picture(name.as_ref());
        }
    }

    /// Three folders: identities 1 to 4 train, 5 to 7 test, each seen twice by both of two
    /// cameras; `name` makes a file name of identity, camera and number.
    fn three_folders(&mut self, at: &str, name: impl Fn(u32, u32, u32) -> String) {
        for identity in 1..=7 {
            for camera in [1, 2] {
                for number in [1, 2] {
                    let part = match (identity, number) {
                        (..=4, _) => FOLDERS[0].1,
                        (_, 1) => FOLDERS[1].1,
                        _ => FOLDERS[2].1,
                    };
                    self.picture(&format!("{at}/{part}/{}", name(identity, camera, number)));
                }
            }
        }
    }

    fn market(&mut self, at: &str) {
        self.three_folders(at, market_name);
    }

    /// What `trainer doctor` finds: whether the data is fit, its JSON, what it prints.
    fn doctor(&self, data: &str) -> (bool, Value, String) {
        let arguments = ["doctor", "--data", data, "--json", "found.json"];
        let output = trainer(self.folder.path(), arguments).expect("a trainer");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains("panicked"), "{data}: {said}");
        let bytes = fs::read(self.path("found.json")).expect(&said);
        let mut found: Value = serde_json::from_slice(&bytes).expect("JSON");
        (output.status.success(), found[0].take(), said)
    }

    /// Split, images, identities and cameras as the doctor counts them in healthy data.
    fn counts(&self, data: &str) -> Vec<(String, u64, u64, u64)> {
        let (fit, found, said) = self.doctor(data);
        assert!(fit, "{data}: {said}");
        let number = |row: &Value, key: &str| row[key].as_u64().expect("a number");
        let rows = found["splits"].as_array().expect("splits");
        rows.iter()
            .map(|row| {
                let split = row["split"].as_str().expect("a name").to_string();
                let [images, identities, cameras] =
                    ["images", "identities", "cameras"].map(|key| number(row, key));
                (split, images, identities, cameras)
            })
            .collect()
    }

    /// `trainer train` of the small configuration on this data, which it refuses.
    fn refused(&self, data: &[&str], expected: &[&str]) {
        let config = paths::root().join("tests/fixtures/small.toml");
        let mut arguments = vec!["train", "--out", "run", "--config"];
        arguments.push(config.to_str().expect("a path"));
        arguments.extend(data);
        let output = trainer(self.folder.path(), &arguments).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{data:?} trained");
        assert!(!said.contains("panicked"), "{data:?}: {said}");
        for part in expected {
            assert!(said.contains(part), "{data:?}: no `{part}` in: {said}");
        }
        assert!(!self.path("run").exists(), "{data:?} left a run");
    }

    /// What both the doctor and training refuse, and why.
    fn fatal(&self, data: &str, expected: &[&str]) {
        let (fit, found, said) = self.doctor(data);
        assert!(!fit, "{data} is fit: {said}");
        for part in expected {
            assert!(said.contains(part), "{data}: no `{part}` in: {said}");
        }
        let findings = found["findings"].as_array().expect("findings");
        assert!(findings.iter().any(|f| f["severity"] == "fatal"), "{said}");
        self.refused(&["--data", data], expected);
    }

    /// What the doctor warns of in data that is fit.
    fn warned(&self, data: &str, expected: &[&str]) {
        let (fit, found, said) = self.doctor(data);
        assert!(fit, "{data}: {said}");
        let findings = found["findings"].as_array().expect("findings");
        let warnings: Vec<String> = (findings.iter())
            .filter(|finding| finding["severity"] == "warning")
            .map(ToString::to_string)
            .collect();
        for part in expected {
            let has = warnings.iter().any(|warning| warning.contains(part));
            assert!(has, "{data}: no `{part}` in: {warnings:?}");
        }
    }
}

fn market_name(identity: u32, camera: u32, number: u32) -> String {
    format!("{identity:04}_c{camera}s1_{number:06}_00.png")
}

fn rows(rows: &[(&str, u64, u64, u64)]) -> Vec<(String, u64, u64, u64)> {
    let row = |&(split, images, identities, cameras): &(&str, u64, u64, u64)| {
        (split.to_string(), images, identities, cameras)
    };
    rows.iter().map(row).collect()
}

/// What [`Place::three_folders`] holds.
const THREE: [(&str, u64, u64, u64); 3] = [
    ("train", 16, 4, 2),
    ("query", 6, 3, 2),
    ("gallery", 6, 3, 2),
];

#[test]
fn layouts_of_three_folders() {
    let mut at = Place::new();
    at.market("market");
    // Junk is dropped, a distractor stays.
    at.pictures([
        "market/bounding_box_test/-1_c1s1_000009_00.png",
        "market/bounding_box_test/0000_c3s1_000009_00.png",
    ]);
    let mut expected = rows(&THREE);
    expected[2] = ("gallery".to_string(), 7, 4, 3);
    assert_eq!(at.counts("market1501=market"), expected);

    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    assert_eq!(at.counts("dukemtmc=duke"), rows(&THREE));
    at.three_folders("msmt", |i, c, n| format!("{i:04}_c{c:02}_{n:04}.png"));
    assert_eq!(at.counts("msmt17=msmt"), rows(&THREE));

    for part in ["detected", "labeled"] {
        let name = |i, c, n| format!("{i:04}_c{c}_{n}.png");
        at.three_folders(&format!("cuhk/{part}"), name);
    }
    at.picture("cuhk/labeled/bounding_box_train/0001_c1_9.png");
    assert_eq!(at.counts("cuhk03np=cuhk"), rows(&THREE));
    let mut labeled = rows(&THREE);
    labeled[0].1 += 1;
    assert_eq!(at.counts("cuhk03np:labeled=cuhk"), labeled);
    assert_eq!(at.counts("cuhk03np:labeled=cuhk/labeled"), labeled);
}

#[test]
fn msmt17_as_it_was_released() {
    let mut at = Place::new();
    let mut lists = [const { String::new() }; 4];
    // Training and test people are both numbered from 0.
    for identity in 0..3 {
        for camera in [1, 15] {
            for (list, part) in ["train", "train", "test", "test"].iter().enumerate() {
                let name = format!(
                    "{identity:04}/{identity:04}_{list:03}_{camera:02}_0303morning_0008_0.png"
                );
                at.picture(&format!("msmt/{part}/{name}"));
                lists[list] += &format!("{name} {identity}\n");
            }
        }
    }
    for (name, list) in ["train", "val", "query", "gallery"].iter().zip(&lists) {
        fs::write(at.path(&format!("msmt/list_{name}.txt")), list).expect("a list");
    }
    let expected = [
        ("train", 12, 3, 2),
        ("query", 6, 3, 2),
        ("gallery", 6, 3, 2),
    ];
    assert_eq!(at.counts("msmt17=msmt"), rows(&expected));
    // The second version's folders.
    for part in ["train", "test"] {
        let renamed = at.path(&format!("msmt/mask_{part}_v2"));
        fs::rename(at.path(&format!("msmt/{part}")), renamed).expect("another name");
    }
    assert_eq!(at.counts("msmt17=msmt"), rows(&expected));
    let broken = format!("{}0000.png zero\n", lists[0]);
    fs::write(at.path("msmt/list_train.txt"), broken).expect("a list");
    at.fatal("msmt17=msmt", &["list_train.txt, line 7", "0000.png zero"]);
}

#[test]
fn training_sets_of_the_classical_protocol() {
    let mut at = Place::new();
    for pair in 1..=5 {
        for camera in [1, 2] {
            // The same numbers in two pairs are two people.
            at.pictures([1, 2].map(|i| format!("02/Dataset/P{pair}/cam{camera}/00{i}_1.png")));
        }
    }
    assert_eq!(at.counts("cuhk02=02"), rows(&[("train", 20, 10, 10)]));
    at.pictures(
        [1, 1, 2]
            .iter()
            .zip(1..)
            .map(|(i, scene)| format!("sysu/cropped_images/p{i}_s{scene}_1.jpg")),
    );
    assert_eq!(at.counts("cuhksysu=sysu"), rows(&[("train", 3, 2, 1)]));
    at.market("market");
    let target = ["--data", "market1501=market", "--target", "cuhksysu=sysu"];
    at.refused(&target, &["cuhksysu=sysu", "no test images"]);
}

#[test]
fn test_sets_of_the_classical_protocol() {
    let mut at = Place::new();
    // 6 people in both views, one more in the first alone and two more in the second.
    let people = (1..=6).chain([201]);
    at.pictures(people.map(|i| format!("prid/single_shot/cam_a/person_{i:04}.png")));
    let people = (1..=6).chain([201, 202]);
    at.pictures(people.map(|i| format!("prid/single_shot/cam_b/person_{i:04}.png")));
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 5, 5, 1)];
    assert_eq!(at.counts("prid=prid"), rows(&expected));

    at.pictures((1..=6).map(|i| format!("grid/probe/{i:04}_1_25004_107_32_106_221.jpeg")));
    let gallery = (0..=6).map(|i| format!("grid/gallery/{i:04}_2_25023_116_134_128_330.jpeg"));
    at.pictures(gallery);
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 4, 4, 1)];
    assert_eq!(at.counts("grid=grid"), rows(&expected));

    at.pictures((0..6).map(|i| format!("viper/VIPeR/cam_a/{i:03}_45.bmp")));
    at.pictures((0..6).map(|i| format!("viper/VIPeR/cam_b/{i:03}_90.bmp")));
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 3, 3, 1)];
    assert_eq!(at.counts("viper=viper"), rows(&expected));

    let images = (1..=6).flat_map(|i| [1, 2, 3].map(|n| (i, n)));
    at.pictures(images.map(|(i, n)| format!("ilids/Persons/{i:04}{n:03}.jpg")));
    let expected = [("train", 9, 3, 1), ("query", 3, 3, 1), ("gallery", 3, 3, 1)];
    assert_eq!(at.counts("ilids=ilids"), rows(&expected));

    assert_eq!(at.counts("prid:10=prid").len(), 3);
    for wrong in ["viper:0=viper", "viper:11=viper", "prid:x=prid"] {
        let output = trainer(&at.path(""), ["doctor", "--data", wrong]).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("divisions 1 to 10"), "{wrong}: {said}");
    }
    // What one division trains on another tests with.
    let mixed = [
        "--data",
        "viper:1=viper",
        "--target",
        "viper:2=viper",
        "--set",
    ];
    let mixed = [&mixed[..], &["sampler.identities=2"]].concat();
    at.refused(&mixed, &["viper:2=viper", "viper=viper", "training images"]);
}

#[test]
fn tables() {
    let mut at = Place::new();
    let header = "camera,split,identity,path,weather";
    let mut table = header.to_string();
    for (split, identities) in [("train", 1..=4), ("query", 5..=6), ("gallery", 5..=6)] {
        for identity in identities {
            for camera in [0, 7] {
                let name = format!("crops/{split}-{identity}-{camera}.png");
                at.picture(&format!("sets/{name}"));
                table += &format!("\n{camera},{split},{identity},{name},fair");
            }
        }
    }
    table += "\n1,gallery,-1,crops/train-1-0.png,junk";
    let write = |text: &str| fs::write(at.path("sets/mine.csv"), text).expect("a table");
    write(&table);
    let expected = [("train", 8, 4, 2), ("query", 4, 2, 2), ("gallery", 4, 2, 2)];
    assert_eq!(at.counts("csv=sets/mine.csv"), rows(&expected));
    // A table may be for training alone.
    let training: Vec<&str> = table.lines().take(9).collect();
    write(&training.join("\n"));
    assert_eq!(at.counts("csv=sets/mine.csv"), rows(&expected[..1]));

    for (line, expected) in [
        (
            "1,test,1,crops/train-1-0.png,x",
            "`test`; expected train, query or gallery",
        ),
        ("1,train,one,crops/train-1-0.png,x", "`one`"),
        ("1,train,-2,crops/train-1-0.png,x", "`-2`"),
        ("left,train,1,crops/train-1-0.png,x", "`left`"),
        ("1,train,1,crops/gone.png,x", "gone.png"),
        ("1,train,1", "line: 18"),
    ] {
        let lines: Vec<&str> = table.lines().take(17).chain([line]).collect();
        write(&lines.join("\n"));
        let place = if expected == "line: 18" {
            expected
        } else {
            "mine.csv, line 18"
        };
        at.fatal("csv=sets/mine.csv", &["mine.csv", place, expected]);
    }
    write(&table.replace("identity", "person"));
    let columns = ["mine.csv, line 1", "identity", "camera,split,person,path"];
    at.fatal("csv=sets/mine.csv", &columns);
    at.fatal(
        "csv=sets/gone.csv",
        &["sets/gone.csv", "path, identity, camera, split"],
    );
}

#[test]
fn folders_and_names_that_are_not_the_layouts() {
    let mut at = Place::new();
    at.fatal("market1501=nowhere", &["nowhere", "bounding_box_train"]);
    at.market("market");
    at.fatal(
        "dukemtmc=market",
        &["0001_c1s1_000001_00.png", "0001_c2_f0046182.jpg"],
    );
    at.picture("market/query/thumbnail.png");
    at.fatal(
        "market1501=market",
        &["query/thumbnail.png", "0002_c1s1_000451_03.jpg"],
    );
}

#[test]
fn files_that_cannot_be_decoded() {
    let mut at = Place::new();
    at.market("market");
    for number in 10..22 {
        let name = format!("market/query/0005_c1s1_0000{number}_00.png");
        fs::write(at.path(&name), format!("no picture {number}")).expect("a file");
    }
    let first = "market/query/0005_c1s1_000010_00.png";
    at.fatal("market1501=market", &[first, "12", "and 2 more"]);
    let (_, found, _) = at.doctor("market1501=market");
    assert_eq!(
        found["findings"][0]["about"].as_array().map(Vec::len),
        Some(12)
    );
}

#[test]
fn people_and_files_that_are_trained_on_and_tested_with() {
    let mut at = Place::new();
    at.market("people");
    at.picture("people/bounding_box_test/0002_c1s1_000077_00.png");
    at.fatal(
        "market1501=people",
        &["training and in the test images", "identity 2"],
    );

    at.market("files");
    let copy = |from: &str, to: &str| {
        fs::copy(at.path(from), at.path(to)).expect("a copy");
    };
    let trained = "files/bounding_box_train/0001_c1s1_000001_00.png";
    copy(trained, "files/bounding_box_test/0005_c1s1_000078_00.png");
    at.fatal(
        "market1501=files",
        &["byte for byte", "0005_c1s1_000078_00.png", trained],
    );

    // The same across two data sets, where identity numbers say nothing.
    let mut other = Place::new();
    other.market("a");
    other.market("b");
    let from = other.path("a/bounding_box_train/0001_c1s1_000001_00.png");
    fs::copy(from, other.path("b/query/0006_c2s1_000078_00.png")).expect("a copy");
    let arguments = ["--data", "market1501=a", "--target", "market1501=b"];
    other.refused(&arguments, &["byte for byte", "0006_c2s1_000078_00.png"]);
    assert!(other.doctor("market1501=a").0 && other.doctor("market1501=b").0);
}

#[test]
fn what_is_legitimate_is_a_warning() {
    let mut at = Place::new();
    at.market("market");
    let from = at.path("market/query/0005_c1s1_000001_00.png");
    fs::copy(from, at.path("market/query/0006_c1s1_000078_00.png")).expect("a copy");
    at.picture("market/query/0007_c1s1_000001_01.png");
    fs::remove_file(at.path("market/bounding_box_test/0007_c2s1_000002_00.png")).expect("gone");
    at.warned(
        "market1501=market",
        &[
            "16 train images for 12936",
            "4 training identities for 751",
            "0006_c1s1_000078_00.png is ",
            "2 of 8 queries",
        ],
    );
    // Not one query left: nothing can be measured.
    for camera in [1, 2] {
        for identity in [5, 6, 7] {
            let name = market_name(identity, camera, 2);
            let _ = fs::remove_file(at.path("market/bounding_box_test").join(name));
        }
    }
    at.picture("market/bounding_box_test/0000_c1s1_000002_00.png");
    at.fatal(
        "market1501=market",
        &["8 of 8 queries", "nothing can be measured"],
    );

    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    at.warned("dukemtmc=duke", &["withdrawn by its authors in 2019"]);
}

/// The identity and camera numbers of two sources follow each other.
#[test]
fn several_sources_are_counted_one_by_one() {
    let mut at = Place::new();
    at.market("market");
    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    let config = paths::root().join("tests/fixtures/small.toml");
    let line = "train --data market1501=market --data dukemtmc=duke --out run --set optim.epochs=1";
    let arguments = line
        .split(' ')
        .chain(["--config", config.to_str().expect("a path")]);
    let output = trainer(&at.path(""), arguments).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    for part in [
        "market1501=market  16 images, 4 identities, 2 cameras",
        "dukemtmc=duke  16 images, 4 identities, 2 cameras",
        "32 images of 8 identities",
        "withdrawn by its authors in 2019",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[test]
fn drawn_people_are_healthy() {
    let at = Place::new();
    let synth = "synth --out data --domain campus --ids 12 --images-per-id 6";
    trainer_ok(Path::new(&at.path("")), synth.split(' ')).expect("drawn people");
    let (fit, found, said) = at.doctor("market1501=data");
    assert!(fit, "{said}");
    let findings = found["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{said}");
    assert!(said.contains("not the published set"), "{said}");
}
