//! The layout of Market-1501.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::Label;

use super::{Crop, Split};
use crate::files;

/// Identity of detections that show no one; they are dropped.
const JUNK: i32 = -1;

/// `bounding_box_train`, `query` and `bounding_box_test` of `folder`, files named
/// `PPPP_cCsS_FFFFFF_BB.jpg` (or .png): identity, camera, sequence, frame, box.
pub(super) fn split(folder: &Path, split: Split) -> Result<Vec<Crop>> {
    let part = match split {
        Split::Train => "bounding_box_train",
        Split::Query => "query",
        Split::Gallery => "bounding_box_test",
    };
    let inside = folder.join(part);
    if !inside.is_dir() {
        bail!(
            "{} has no folder {part}; the Market-1501 layout is bounding_box_train, query and bounding_box_test in one folder",
            folder.display()
        );
    }
    let mut crops = Vec::new();
    for path in files::images(&inside)? {
        let label = parse(&files::name(&path)).with_context(|| {
            format!(
                "{}: expected a name like 0002_c1s1_000451_03.jpg (identity, camera, sequence, frame, box)",
                path.display()
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

fn parse(name: &str) -> Option<Label> {
    let (identity, rest) = name.split_once("_c")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let (camera, rest) = rest.split_at(digits);
    if !rest.starts_with(['s', '_']) {
        return None;
    }
    Some(Label {
        identity: identity.parse().ok()?,
        camera: camera.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let label = |name| parse(name).map(|label| (label.identity, label.camera));
        assert_eq!(label("0002_c1s1_000451_03.jpg"), Some((2, 1)));
        assert_eq!(label("-1_c6s3_000001_00.jpg"), Some((-1, 6)));
        assert_eq!(label("0000_c3s2_107128_05.png"), Some((0, 3)));
        assert_eq!(label("thumb.jpg"), None);
        assert_eq!(label("x_c1s1_0_0.jpg"), None);
    }
}
