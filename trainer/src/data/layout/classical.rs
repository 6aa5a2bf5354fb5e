//! The sets of the classical protocol: trained on all of Market-1501, DukeMTMC-reID,
//! CUHK02, CUHK03 and CUHK-SYSU, tested on PRID, GRID, VIPeR and i-LIDS.
//!
//! The test sets are divided into halves at random, as their protocols say; published
//! figures are means over ten divisions. The divisions here are draws of this project,
//! the same on every machine, and not those of any other program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::Label;
use rand::seq::SliceRandom;

use crate::data::set::distinct;
use crate::data::{Crop, Split};
use crate::{files, random};

/// `Dataset/P1` to `P5` (or these five directly), each with `cam1` and `cam2`, files
/// named `001_1.png`. Identities of one pair are not those of another.
pub fn cuhk02(folder: &Path, split: Split) -> Result<Vec<Crop>> {
    only_training("CUHK02", split)?;
    let inside = nested(folder, "Dataset");
    let mut crops = Vec::new();
    for (pair, name) in (0..).zip(["P1", "P2", "P3", "P4", "P5"]) {
        for (side, camera) in ["cam1", "cam2"].iter().zip([1, 2]) {
            let read = |name: &str| Some(pair * 10_000 + number(name.split('_').next()?)?);
            let example = "001_1.png";
            let found = collect(&inside.join(name).join(side), example, read)?;
            crops.extend(labelled(found, 2 * pair as u32 + camera));
        }
    }
    Ok(crops)
}

/// `cropped_image` (or the crops directly), files named `p1_s18336.jpg`: person and
/// scene. Its cameras are not known: all images count as of one.
pub fn cuhk_sysu(folder: &Path, split: Split) -> Result<Vec<Crop>> {
    only_training("CUHK-SYSU", split)?;
    let read = |name: &str| number(name.strip_prefix('p')?.split('_').next()?);
    let inside = nested(&nested(folder, "cropped_image"), "cropped_images");
    let found = collect(&inside, "p1_s18336.jpg", read)?;
    Ok(labelled(found, 1).collect())
}

/// `single_shot/cam_a` and `cam_b`, files named `person_0001.png`; the first 200 people
/// are seen by both. Half of them are tested, among all others of `cam_b`.
pub fn prid(folder: &Path, split: Split, division: u8) -> Result<Vec<Crop>> {
    const BOTH: i32 = 200;
    let read = |name: &str| number(name.strip_prefix("person_")?.split('.').next()?);
    let inside = nested(&nested(folder, "prid_2011"), "single_shot");
    let [a, b] = two_views(&inside, ["cam_a", "cam_b"], "person_0001.png", read)?;
    let both = |crop: &&Crop| crop.label.identity <= BOTH;
    let tested = half(a.iter().filter(both), "prid", division);
    Ok(match split {
        Split::Train => pick(a.iter().chain(&b).filter(both), |id| !tested.contains(&id)),
        Split::Query => pick(&a, |id| tested.contains(&id)),
        Split::Gallery => pick(&b, |id| id > BOTH || tested.contains(&id)),
    })
}

/// `probe` and `gallery`, files named `0001_1_25004_107_32_106_221.jpeg`; 0000 in the
/// gallery are distractors. Half of the 250 people are tested.
pub fn grid(folder: &Path, split: Split, division: u8) -> Result<Vec<Crop>> {
    let read = |name: &str| number(name.split('_').next()?);
    let example = "0001_1_25004_107_32_106_221.jpeg";
    // Probes and gallery never share a camera, so their sides serve as two.
    let inside = nested(folder, "underground_reid");
    let [probe, gallery] = two_views(&inside, ["probe", "gallery"], example, read)?;
    let tested = half(&probe, "grid", division);
    Ok(match split {
        Split::Train => pick(probe.iter().chain(&gallery), |id| {
            id != 0 && !tested.contains(&id)
        }),
        Split::Query => pick(&probe, |id| tested.contains(&id)),
        Split::Gallery => pick(&gallery, |id| id == 0 || tested.contains(&id)),
    })
}

/// `cam_a` and `cam_b`, files named `000_45.bmp`. Half of the 632 people are tested.
pub fn viper(folder: &Path, split: Split, division: u8) -> Result<Vec<Crop>> {
    let read = |name: &str| number(name.split('_').next()?);
    let inside = nested(folder, "VIPeR");
    let [a, b] = two_views(&inside, ["cam_a", "cam_b"], "000_45.bmp", read)?;
    let tested = half(&a, "viper", division);
    Ok(match split {
        Split::Train => pick(a.iter().chain(&b), |id| !tested.contains(&id)),
        Split::Query => pick(&a, |id| tested.contains(&id)),
        Split::Gallery => pick(&b, |id| tested.contains(&id)),
    })
}

/// `Persons` or `images`, files named `0001001.jpg`: person and image. Half of the 119 people are
/// tested, by one random image each as query and one as gallery. Cameras are not known:
/// queries count as one camera, gallery images as another.
pub fn ilids(folder: &Path, split: Split, division: u8) -> Result<Vec<Crop>> {
    let read = |name: &str| number(name.get(..4)?);
    let inside = nested(&nested(folder, "i-LIDS_Pedestrian"), "Persons");
    let inside = nested(&inside, "images");
    let found = collect(&inside, "0001001.jpg", read)?;
    let crops: Vec<Crop> = labelled(found, 1).collect();
    let tested = half(&crops, "ilids", division);
    if split == Split::Train {
        return Ok(pick(&crops, |id| !tested.contains(&id)));
    }
    let mut people = BTreeMap::<i32, Vec<Crop>>::new();
    for crop in crops {
        if tested.contains(&crop.label.identity) {
            people.entry(crop.label.identity).or_default().push(crop);
        }
    }
    let mut rng = random::stream(division.into(), "ilids shots", 0);
    let mut chosen = Vec::new();
    for shots in people.values_mut() {
        shots.shuffle(&mut rng);
        let (place, camera) = if split == Split::Query {
            (0, 1)
        } else {
            (1, 2)
        };
        if let Some(mut shot) = shots.get(place).cloned() {
            shot.label.camera = camera;
            chosen.push(shot);
        }
    }
    Ok(chosen)
}

fn only_training(set: &str, split: Split) -> Result<()> {
    if split != Split::Train {
        bail!("{set} has no test images in this protocol; name it by --data alone");
    }
    Ok(())
}

/// A folder's subfolder where there is one, else the folder.
fn nested(folder: &Path, name: &str) -> PathBuf {
    let inside = folder.join(name);
    if inside.is_dir() {
        inside
    } else {
        folder.to_path_buf()
    }
}

fn number(text: &str) -> Option<i32> {
    text.parse().ok().filter(|&number| number >= 0)
}

/// The images of a folder with the identities that `read` finds in their names.
fn collect(
    folder: &Path,
    example: &str,
    read: impl Fn(&str) -> Option<i32>,
) -> Result<Vec<(PathBuf, i32)>> {
    let read = |path: PathBuf| {
        let identity = read(&files::name(&path))
            .with_context(|| format!("{}: expected a name like {example}", path.display()))?;
        Ok((path, identity))
    };
    files::images(folder)?.into_iter().map(read).collect()
}

fn labelled(found: Vec<(PathBuf, i32)>, camera: u32) -> impl Iterator<Item = Crop> {
    found.into_iter().map(move |(path, identity)| Crop {
        path,
        label: Label { identity, camera },
    })
}

fn two_views(
    folder: &Path,
    names: [&str; 2],
    example: &str,
    read: impl Fn(&str) -> Option<i32>,
) -> Result<[Vec<Crop>; 2]> {
    let view = |name: &str, camera| -> Result<Vec<Crop>> {
        Ok(labelled(collect(&folder.join(name), example, &read)?, camera).collect())
    };
    Ok([view(names[0], 1)?, view(names[1], 2)?])
}

/// A random half of the identities, rounded up.
fn half<'a>(crops: impl IntoIterator<Item = &'a Crop>, set: &str, division: u8) -> Vec<i32> {
    let mut people = distinct(crops.into_iter().map(|crop| crop.label.identity));
    let mut rng = random::stream(division.into(), set, 0);
    people.shuffle(&mut rng);
    people.truncate(people.len().div_ceil(2));
    people
}

fn pick<'a>(crops: impl IntoIterator<Item = &'a Crop>, wanted: impl Fn(i32) -> bool) -> Vec<Crop> {
    let crops = crops.into_iter().filter(|crop| wanted(crop.label.identity));
    crops.cloned().collect()
}
