//! One number for a drawn domain, which anyone can compute with `sha256sum`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::layout::{GALLERY, QUERY, TRAIN};
use crate::files;

/// SHA-256 of what `sha256sum` prints for all pictures of a domain, its three folders' files
/// sorted by path. So it covers the names and bytes of all files; the contact sheet is left out.
pub fn checksum(folder: &Path) -> Result<String> {
    let mut paths = Vec::new();
    // Folders by name, as `sort` has them.
    for part in [GALLERY, TRAIN, QUERY] {
        paths.extend(files::images(&folder.join(part))?);
    }
    let sums: Vec<String> = (paths.par_iter())
        .map(|path| files::sha256(path))
        .collect::<Result<_>>()?;
    let mut list = String::new();
    for (path, sum) in paths.iter().zip(sums) {
        // Writing to a String cannot fail.
        let _ = writeln!(list, "{sum}  {}", files::name_within(folder, path));
    }
    Ok(files::hex(&Sha256::digest(list)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The expected number is that of
    /// `find bounding_box_train query bounding_box_test -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`.
    #[test]
    fn as_sha256sum_prints_it() {
        let root = tempfile::tempdir().unwrap();
        for (part, name, bytes) in [
            (TRAIN, "0001_c1s1_000001_01.jpg", "a"),
            (QUERY, "0002_c1s1_000001_00.jpg", "b"),
            (GALLERY, "0002_c2s1_000001_01.jpg", "c"),
            (GALLERY, "-1_c2s1_000001_01.jpg", "d"),
        ] {
            fs::create_dir_all(root.path().join(part)).unwrap();
            fs::write(root.path().join(part).join(name), bytes).unwrap();
        }
        fs::write(root.path().join("contact-sheet.png"), "not counted").unwrap();
        assert_eq!(checksum(root.path()).unwrap(), EXPECTED);
        fs::rename(
            root.path().join("query/0002_c1s1_000001_00.jpg"),
            root.path().join("query/0002_c1s1_000002_00.jpg"),
        )
        .unwrap();
        assert_ne!(checksum(root.path()).unwrap(), EXPECTED);
    }

    const EXPECTED: &str = "0fd68562774dfb905c9af266c90e9c1aa0c94c019428d7029e2a3cf0bc587f95";
}
