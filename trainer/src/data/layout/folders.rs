//! Data sets of three folders, whose file names say identity and camera.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::{JUNK, Label};

use crate::data::{Crop, Split};
use crate::files;

/// How the files of a set are named.
pub struct Pattern {
    /// The set, for people.
    set: &'static str,
    /// A name, for people.
    example: &'static str,
    /// What may follow the camera's number.
    after_camera: &'static [char],
}

/// Identity, camera and sequence, frame, box.
pub const MARKET1501: Pattern = Pattern {
    set: "Market-1501",
    example: "0002_c1s1_000451_03.jpg",
    // Sets in Market-1501's manner often leave the sequence out.
    after_camera: &['s', '_'],
};

/// Identity, camera, frame.
pub const DUKEMTMC: Pattern = Pattern {
    set: "DukeMTMC-reID",
    example: "0001_c2_f0046182.jpg",
    after_camera: &['_'],
};

/// Identity, camera, number.
pub const MSMT17: Pattern = Pattern {
    set: "MSMT17",
    example: "0000_c14_0030.jpg",
    after_camera: &['_'],
};

/// Identity, camera, number.
pub const CUHK03NP: Pattern = Pattern {
    set: "CUHK03-NP",
    example: "0003_c1_22.png",
    after_camera: &['_'],
};

/// `bounding_box_train`, `query` or `bounding_box_test` of a folder. Identity -1, which
/// shows no one, is left out.
pub fn split(folder: &Path, split: Split, pattern: &Pattern) -> Result<Vec<Crop>> {
    let part = match split {
        Split::Train => "bounding_box_train",
        Split::Query => "query",
        Split::Gallery => "bounding_box_test",
    };
    let inside = folder.join(part);
    if !inside.is_dir() {
        bail!(
            "{} has no folder {part}; the {} layout is bounding_box_train, query and bounding_box_test in one folder",
            folder.display(),
            pattern.set
        );
    }
    let mut crops = Vec::new();
    for path in files::images(&inside)? {
        let label = parse(&files::name(&path), pattern).with_context(|| {
            format!(
                "{}: expected a name like {} (identity, camera)",
                path.display(),
                pattern.example
            )
        })?;
        if label.identity != JUNK {
            crops.push(Crop { path, label });
        }
    }
    if crops.is_empty() {
        bail!("{} holds junk images (identity -1) only", inside.display());
    }
    Ok(crops)
}

fn parse(name: &str, pattern: &Pattern) -> Option<Label> {
    let (identity, rest) = name.split_once("_c")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let (camera, rest) = rest.split_at(digits);
    if !rest.starts_with(pattern.after_camera) {
        return None;
    }
    let identity = identity.parse().ok().filter(|&number| number >= JUNK)?;
    Some(Label {
        identity,
        camera: camera.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let label = |name, pattern| parse(name, pattern).map(|l| (l.identity, l.camera));
        let market = |name| label(name, &MARKET1501);
        assert_eq!(market("0002_c1s1_000451_03.jpg"), Some((2, 1)));
        assert_eq!(market("-1_c6s3_000001_00.jpg"), Some((-1, 6)));
        assert_eq!(market("0000_c3s2_107128_05.png"), Some((0, 3)));
        for wrong in [
            "thumb.jpg",
            "x_c1s1_0_0.jpg",
            "-7_c1s1_0_0.jpg",
            "0002_c1.jpg",
        ] {
            assert_eq!(market(wrong), None);
        }
        for pattern in [MARKET1501, DUKEMTMC, MSMT17, CUHK03NP] {
            assert!(
                parse(pattern.example, &pattern).is_some(),
                "{}",
                pattern.set
            );
        }
        assert_eq!(label("0002_c1s1_000451_03.jpg", &DUKEMTMC), None);
    }
}
