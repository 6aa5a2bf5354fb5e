//! Files of an index folder: checked, locked, swept.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::codes::Hyperplanes;
use super::manifest::{MANIFEST, Manifest, Part, Segment};
use super::rows::Rows;
use crate::files;

/// Endings of the files of a segment.
pub const VECTORS: &str = "vectors";
/// See [`VECTORS`].
pub const LIST: &str = "rows";
/// Ending of the file of hyperplanes.
pub const HYPERPLANES: &str = "hyperplanes";
/// The file whose lock keeps two builders apart.
const LOCK: &str = "lock";

/// Describes a file that has just been written, once it has reached the disk.
///
/// # Errors
/// A file that cannot be read or synced.
pub fn sealed(folder: &Path, file: String) -> Result<Part> {
    let path = folder.join(&file);
    let failed = || format!("cannot write {}", path.display());
    let (bytes, crc32) = checksum(&path)?;
    // The manifest must never name what a power cut can still take.
    let opened = File::options().write(true).open(&path);
    opened
        .and_then(|file| file.sync_all())
        .with_context(failed)?;
    Ok(Part { file, bytes, crc32 })
}

/// Checks the length of a listed file, and its checksum if it is to be `read`.
///
/// # Errors
/// A missing, shortened or changed file.
pub fn check(folder: &Path, part: &Part, read: bool) -> Result<()> {
    let path = folder.join(&part.file);
    let advice = "copy the index again, or build it anew";
    let bytes = match path.metadata() {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "{} is missing; if the index is being updated, run this again, else {advice}",
            path.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    if bytes != part.bytes {
        bail!(
            "{} is damaged: it has {bytes} bytes, expected {}; {advice}",
            path.display(),
            part.bytes
        );
    }
    if read && checksum(&path)?.1 != part.crc32 {
        bail!(
            "{} is damaged: its checksum does not match; {advice}",
            path.display()
        );
    }
    Ok(())
}

/// Reads the list of a segment and checks it.
///
/// # Errors
/// A missing or damaged file, another segment's list.
pub fn read_list(folder: &Path, segment: &Segment) -> Result<Rows> {
    check(folder, &segment.list, true)?;
    let path = folder.join(&segment.list.file);
    let rows = Rows::from_bytes(&files::read(&path)?)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if (rows.len(), rows.removed().len()) != (segment.rows, segment.removed) {
        bail!(
            "{} is not the list of its segment; build the index anew",
            path.display()
        );
    }
    Ok(rows)
}

/// Reads the hyperplanes of an index and checks them; none if it never had a row.
///
/// # Errors
/// A missing or damaged file.
pub fn read_hyperplanes(folder: &Path, manifest: &Manifest) -> Result<Option<Hyperplanes>> {
    let Some(part) = &manifest.hyperplanes else {
        return Ok(None);
    };
    check(folder, part, true)?;
    let path = folder.join(&part.file);
    Hyperplanes::from_bytes(&files::read(&path)?, manifest.width)
        .with_context(|| format!("cannot read {}", path.display()))
        .map(Some)
}

/// Length and CRC-32 of a file.
fn checksum(path: &Path) -> Result<(u64, u32)> {
    let failed = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    let (mut hash, mut bytes) = (crc32fast::Hasher::new(), 0);
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).with_context(failed)? {
            0 => return Ok((bytes, hash.finalize())),
            count => {
                hash.update(&block[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// Makes the folder if there is none and keeps other builders out of it as long as the
/// result lives.
///
/// # Errors
/// A folder that holds something else, another builder.
pub fn lock(folder: &Path) -> Result<File> {
    let failed = || format!("cannot write an index at {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    if !folder.join(MANIFEST).is_file() {
        for entry in fs::read_dir(folder).with_context(failed)? {
            let name = entry.with_context(failed)?.file_name();
            if !is_own(&name.to_string_lossy()) {
                bail!(
                    "{} is no index and holds {}; choose another folder",
                    folder.display(),
                    name.display()
                );
            }
        }
    }
    let file = File::create(folder.join(LOCK)).with_context(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another program is writing {}; wait until it has ended",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(failed),
    }
}

/// Removes what a save has replaced and what a killed build has left.
///
/// # Errors
/// A file that cannot be removed.
pub fn sweep(folder: &Path, manifest: &Manifest) -> Result<()> {
    let failed = || format!("cannot tidy {}", folder.display());
    let listed = manifest.parts().map(|part| part.file.as_str());
    let listed: HashSet<&str> = listed.chain([LOCK]).collect();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_own(&name) && !listed.contains(&*name) {
            fs::remove_file(entry.path()).with_context(failed)?;
        }
    }
    Ok(())
}

/// Whether a name is one that builds give, [`MANIFEST`] aside.
fn is_own(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    name == LOCK || name.starts_with(".tmp") || matches!(ending, Some(VECTORS | LIST | HYPERPLANES))
}
