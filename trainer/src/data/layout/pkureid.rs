//! PKU-Reid with Market-1501's folders and names: two cameras, eight orientations of each person.
//!
//! A set of real people to judge models on that were trained on drawn ones: all identities test,
//! whichever folder they lie in.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::folders::{self, MARKET1501};
use crate::data::{Crop, Split};
use crate::files;

/// Orientation of the queries.
const QUERY: u32 = 1;

/// Queries are the images of the first orientation, the frame number of their names; the gallery
/// is all images, of which an evaluation leaves out those of the query's person and camera.
pub fn split(folder: &Path, split: Split) -> Result<Vec<Crop>> {
    if split == Split::Train {
        bail!("all of PKU-Reid tests in this protocol; name it by --target or evaluate on it");
    }
    let mut crops = Vec::new();
    for part in Split::ALL {
        crops.extend(folders::split(folder, part, &MARKET1501)?);
    }
    if split == Split::Query {
        let mut queries = Vec::new();
        for crop in crops {
            if orientation(&crop.path)? == QUERY {
                queries.push(crop);
            }
        }
        crops = queries;
    }
    // One order however identities are spread over the folders.
    crops.sort_by_key(|crop| files::name(&crop.path));
    Ok(crops)
}

fn orientation(path: &Path) -> Result<u32> {
    let name = files::name(path);
    let frame = name.split('_').nth(2).and_then(|field| field.parse().ok());
    frame.with_context(|| {
        format!(
            "{}: expected a name like 0003_c1s1_000001_00.png, whose third number is the orientation",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn everyone_is_looked_for_by_the_first_orientation() {
        let root = tempfile::tempdir().unwrap();
        for (part, names) in [
            (
                "bounding_box_train",
                ["0007_c1s1_000001_00.png", "0007_c2s1_000004_00.png"],
            ),
            (
                "query",
                ["0003_c1s1_000001_00.png", "0003_c2s1_000001_00.png"],
            ),
            (
                "bounding_box_test",
                ["0003_c1s1_000002_00.png", "0003_c2s1_000011_00.png"],
            ),
        ] {
            fs::create_dir(root.path().join(part)).unwrap();
            for name in names {
                fs::write(root.path().join(part).join(name), "").unwrap();
            }
        }
        let labels = |part| -> Vec<(i32, u32)> {
            let crops = split(root.path(), part).unwrap();
            let labels = crops.iter().map(|crop| crop.label);
            labels.map(|label| (label.identity, label.camera)).collect()
        };
        assert_eq!(labels(Split::Query), [(3, 1), (3, 2), (7, 1)]);
        assert_eq!(labels(Split::Gallery).len(), 6);
        assert!(split(root.path(), Split::Train).is_err());
    }
}
