//! Procedural pedestrians: data sets in the Market-1501 layout, drawn from nothing but a seed.
//!
//! An [`identity::Identity`] is a set of attributes, a [`domain::Domain`] a distribution over
//! cameras and clothes, a [`picture::Shot`] one person at one moment in front of one camera.
//! Every picture owns its random streams, so neither order nor threads change a byte.

mod attributes;
mod backdrop;
mod bags;
mod camera;
mod canvas;
mod checksum;
mod clothes;
mod colour;
mod command;
mod domain;
mod endless;
mod figure;
mod hats;
mod head;
mod identity;
mod layout;
mod limbs;
mod maths;
mod noise;
mod outfit;
mod pattern;
mod picture;
mod pose;
mod props;
mod protocol;
mod sensor;
mod sheet;
mod stream;
mod surface;
mod view;
mod wardrobe;

pub use attributes::{ATTRIBUTES, values as attribute_values};
pub use command::{SynthArgs, run};
pub use endless::{Drawn, Endless};

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde::Serialize;

use crate::files::{self, NewFolder};
use layout::{GALLERY, Planned, QUERY, TRAIN};
use picture::Studio;

pub use domain::{Domain, domains};

/// The file of a drawn folder that says how it was drawn.
const ABOUT: &str = "drawn.json";

/// Whether a folder holds people drawn by [`generate`].
pub fn is_drawn(folder: &Path) -> bool {
    folder.join(ABOUT).is_file()
}

/// What to draw.
#[derive(Debug, Clone, Serialize)]
pub struct SynthConfig {
    /// Folder to create; may exist when empty.
    #[serde(skip)]
    pub out: PathBuf,
    /// Name of one of [`domains`].
    pub domain: String,
    /// Identities, 2 to 9999; the first half is for training.
    pub ids: usize,
    /// Pictures of each identity over all its cameras, at least 2.
    pub images_per_id: usize,
    /// Cameras, 2 to 9; the domain's own number when not given.
    pub cameras: Option<usize>,
    /// The same seed draws the same bytes.
    pub seed: u64,
}

/// How many pictures were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthSummary {
    /// Training pictures.
    pub train: usize,
    /// Queries.
    pub query: usize,
    /// Gallery pictures, distractors and junk included.
    pub gallery: usize,
    /// Training identities.
    pub train_ids: usize,
    /// Test identities.
    pub test_ids: usize,
}

/// Draws a data set into `config.out`, which appears only when it is complete.
///
/// `progress` is told (pictures done, pictures in all), from several threads.
pub fn generate(
    config: &SynthConfig,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SynthSummary> {
    let (domain, cameras) = check(config)?;
    files::require_new(&config.out)?;
    let folder = NewFolder::create(&config.out)?;
    for name in [TRAIN, QUERY, GALLERY] {
        let path = folder.draft().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
    }
    let studio = Studio::new(domain, cameras, config.seed);
    let pictures = layout::plan(&studio.streams, config.ids, config.images_per_id, cameras);
    let done = AtomicUsize::new(0);
    pictures.par_iter().try_for_each(|picture| {
        draw(&studio, picture, folder.draft())?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, pictures.len());
        anyhow::Ok(())
    })?;
    let sheet = folder.draft().join("contact-sheet.png");
    sheet::contact_sheet(&studio, config.ids)?
        .save(&sheet)
        .with_context(|| format!("cannot write {}", sheet.display()))?;
    let about = SynthConfig {
        cameras: Some(cameras),
        ..config.clone()
    };
    files::write_json(&folder.draft().join(ABOUT), &about)?;
    folder.publish()?;
    let count = |name| pictures.iter().filter(|p| p.folder == name).count();
    Ok(SynthSummary {
        train: count(TRAIN),
        query: count(QUERY),
        gallery: count(GALLERY),
        train_ids: config.ids / 2,
        test_ids: config.ids - config.ids / 2,
    })
}

/// How many pictures [`generate`] would draw.
fn planned(config: &SynthConfig) -> Result<usize> {
    let (domain, cameras) = check(config)?;
    let streams = stream::Streams::new(config.seed, domain.name);
    Ok(layout::plan(&streams, config.ids, config.images_per_id, cameras).len())
}

/// The domain and number of cameras, or what is wrong with the request.
fn check(config: &SynthConfig) -> Result<(&'static Domain, usize)> {
    let Some(domain) = domains().iter().find(|d| d.name == config.domain) else {
        let names: Vec<&str> = domains().iter().map(|d| d.name).collect();
        bail!(
            "there is no domain {:?}; choose one of {}",
            config.domain,
            names.join(", ")
        );
    };
    let cameras = config.cameras.unwrap_or(domain.cameras);
    if !(2..=9).contains(&cameras) {
        bail!("{cameras} cameras asked for; file names hold 2 to 9");
    }
    if !(2..=9999).contains(&config.ids) {
        bail!(
            "{} identities asked for; half train and half test, and names hold 2 to 9999",
            config.ids
        );
    }
    if config.images_per_id < 2 {
        bail!(
            "{} images per identity asked for; matching across cameras needs 2 or more",
            config.images_per_id
        );
    }
    Ok((domain, cameras))
}

/// Draws one picture and writes it.
fn draw(studio: &Studio, picture: &Planned, out: &Path) -> Result<()> {
    let identity = studio.identity(picture.shot.identity);
    let bytes = studio.jpeg(&identity, picture.shot)?;
    let path = out.join(picture.folder).join(&picture.name);
    fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn config(out: PathBuf, domain: &str) -> SynthConfig {
        SynthConfig {
            out,
            domain: domain.into(),
            ids: 6,
            images_per_id: 6,
            cameras: None,
            seed: 5,
        }
    }

    fn bytes(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for name in [TRAIN, QUERY, GALLERY] {
            for entry in fs::read_dir(root.join(name)).unwrap() {
                let path = entry.unwrap().path();
                let key = path.strip_prefix(root).unwrap().to_path_buf();
                found.insert(key, fs::read(&path).unwrap());
            }
        }
        found
    }

    fn drawn(config: &SynthConfig, threads: usize) -> SynthSummary {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| generate(config, &|_, _| {})).unwrap()
    }

    #[test]
    fn the_same_seed_draws_the_same_bytes_on_any_number_of_threads() {
        let root = tempfile::tempdir().unwrap();
        for domain in domains() {
            let one = config(root.path().join(format!("{}-1", domain.name)), domain.name);
            let two = config(root.path().join(format!("{}-2", domain.name)), domain.name);
            let mut other = config(root.path().join(format!("{}-3", domain.name)), domain.name);
            other.seed = 6;
            assert_eq!(drawn(&one, 1), drawn(&two, 2));
            drawn(&other, 2);
            assert_eq!(bytes(&one.out), bytes(&two.out));
            assert_ne!(bytes(&one.out), bytes(&other.out));
        }
    }

    #[test]
    fn the_summary_counts_what_lies_on_the_disk() {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path().join("out"), "plaza");
        let summary = drawn(&config, 2);
        let count = |name| fs::read_dir(config.out.join(name)).unwrap().count();
        assert_eq!(summary.train, count(TRAIN));
        assert_eq!(summary.query, count(QUERY));
        assert_eq!(summary.gallery, count(GALLERY));
        assert_eq!(
            (summary.train, summary.train_ids, summary.test_ids),
            (18, 3, 3)
        );
        assert!(config.out.join("contact-sheet.png").is_file());
        assert!(is_drawn(&config.out));
        let about = fs::read(config.out.join(ABOUT)).unwrap();
        let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
        let again = serde_json::json!({
            "domain": "plaza", "ids": 6, "images_per_id": 6, "cameras": 6, "seed": 5,
        });
        assert_eq!(about, again);
        let names = fs::read_dir(root.path()).unwrap().count();
        assert_eq!(names, 1, "no draft is left behind");
        for (path, bytes) in bytes(&config.out) {
            let crop = image::load_from_memory(&bytes).unwrap().to_rgb8();
            assert_eq!(
                (crop.width(), crop.height()),
                (64, 128),
                "{}",
                path.display()
            );
            let first = crop.get_pixel(0, 0);
            assert!(
                crop.pixels().any(|p| p[0].abs_diff(first[0]) > 20),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn wrong_requests_say_what_to_do_and_leave_nothing() {
        let root = tempfile::tempdir().unwrap();
        let good = config(root.path().join("out"), "plaza");
        let refused = |change: fn(&mut SynthConfig), word: &str| {
            let mut config = good.clone();
            change(&mut config);
            let text = format!("{:#}", generate(&config, &|_, _| {}).unwrap_err());
            assert!(text.contains(word), "{text}");
        };
        refused(|c| c.domain = "moon".into(), "plaza, campus");
        refused(|c| c.ids = 1, "identities");
        refused(|c| c.images_per_id = 1, "images per identity");
        refused(|c| c.cameras = Some(1), "cameras");
        refused(|c| c.cameras = Some(10), "cameras");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        fs::create_dir(&good.out).unwrap();
        fs::write(good.out.join("mine"), b"keep").unwrap();
        refused(|_| {}, "not empty");
        assert_eq!(fs::read(good.out.join("mine")).unwrap(), b"keep");
    }
}
