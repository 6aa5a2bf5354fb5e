//! MSMT17 as it was published: images in folders of identities, and lists of them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dcac_model::retrieval::Label;

use crate::data::{Crop, Split};
use crate::files;

/// Whether a folder holds the lists.
pub fn has_lists(folder: &Path) -> bool {
    folder.join("list_train.txt").is_file()
}

/// The images of a split; training and validation images train together.
pub fn split(folder: &Path, split: Split) -> Result<Vec<Crop>> {
    let (lists, part): (&[&str], &str) = match split {
        Split::Train => (&["list_train.txt", "list_val.txt"], "train"),
        Split::Query => (&["list_query.txt"], "test"),
        Split::Gallery => (&["list_gallery.txt"], "test"),
    };
    // The second version blurs faces.
    let names = [part.to_string(), format!("mask_{part}_v2")];
    let inside = names.iter().map(|name| folder.join(name));
    let Some(inside) = inside.into_iter().find(|path| path.is_dir()) else {
        bail!(
            "{} has no folder {}; MSMT17's lists stand beside it",
            folder.display(),
            names.join(" or ")
        );
    };
    let mut crops = Vec::new();
    for list in lists {
        let list = folder.join(list);
        for (number, line) in (1..).zip(files::read_text(&list)?.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let (name, label) = parse(line).with_context(|| {
                format!(
                    "{}, line {number}: expected `0000/0000_000_01_0303morning_0015_0.jpg 0` (file with its camera third, identity), found `{line}`",
                    list.display()
                )
            })?;
            let path = inside.join(name);
            crops.push(Crop { path, label });
        }
    }
    if crops.is_empty() {
        bail!("{} is empty", folder.join(lists[0]).display());
    }
    Ok(crops)
}

fn parse(line: &str) -> Option<(&str, Label)> {
    let (name, identity) = line.trim().rsplit_once(char::is_whitespace)?;
    let file = name.trim().rsplit('/').next()?;
    let label = Label {
        identity: identity.parse().ok().filter(|&number| number >= 0)?,
        camera: file.split('_').nth(2)?.parse().ok()?,
    };
    Some((name.trim(), label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line = "0003/0003_013_14_0303noon_1215_1.jpg 3";
        let expected = Label {
            identity: 3,
            camera: 14,
        };
        let name = "0003/0003_013_14_0303noon_1215_1.jpg";
        assert_eq!(parse(line), Some((name, expected)));
        for wrong in [
            "0003/0003_013_14.jpg",
            "a.jpg 3",
            "0003/0003_013_x_.jpg 3",
            "",
        ] {
            assert_eq!(parse(wrong), None);
        }
    }
}
