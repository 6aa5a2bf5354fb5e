//! Small data sets, and what `trainer doctor` and `trainer train` say of them.

use std::fs;
use std::path::PathBuf;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;
use xtask::paths;

use crate::trainer::trainer;

/// A folder to make data sets in. Every picture is another one.
pub struct DataPlace {
    folder: TempDir,
    pictures: u32,
}

/// Market-1501's folders, by the name they have in tables.
const FOLDERS: [(&str, &str); 3] = [
    ("train", "bounding_box_train"),
    ("query", "query"),
    ("gallery", "bounding_box_test"),
];

impl Default for DataPlace {
    fn default() -> Self {
        Self::new()
    }
}

impl DataPlace {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            pictures: 0,
        }
    }

    /// A path within it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a picture of its own, in the format that its name says.
    pub fn picture(&mut self, name: &str) {
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

    /// Writes several.
    pub fn pictures<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        for name in names {
            self.picture(name.as_ref());
        }
    }

    /// Three folders: identities 1 to 4 train, 5 to 7 test, each seen twice by both of two
    /// cameras; `name` makes a file name of identity, camera and number.
    pub fn three_folders(&mut self, at: &str, name: impl Fn(u32, u32, u32) -> String) {
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

    /// [`DataPlace::three_folders`] with Market-1501's names.
    pub fn market(&mut self, at: &str) {
        self.three_folders(at, market_name);
    }

    /// What `trainer doctor` finds: whether the data is fit, its JSON, what it prints.
    pub fn doctor(&self, data: &str) -> (bool, Value, String) {
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
    pub fn counts(&self, data: &str) -> Vec<(String, u64, u64, u64)> {
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
    pub fn refused(&self, data: &[&str], expected: &[&str]) {
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
    pub fn fatal(&self, data: &str, expected: &[&str]) {
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
    pub fn warned(&self, data: &str, expected: &[&str]) {
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

/// A name in Market-1501's manner, of identity, camera and number.
pub fn market_name(identity: u32, camera: u32, number: u32) -> String {
    format!("{identity:04}_c{camera}s1_{number:06}_00.png")
}

/// The folder of real crops; without one it says that a test is skipped.
pub fn real_crops() -> Option<PathBuf> {
    let data = match std::env::var_os("DCAC_REAL_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => paths::root().join("../shared/data/pku-reid"),
    };
    if !data.is_dir() {
        println!(
            "skipped: no real crops in {} (DCAC_REAL_DATA names them)",
            data.display()
        );
        return None;
    }
    Some(data)
}
