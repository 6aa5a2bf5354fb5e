//! Files that are written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

/// Writes `bytes` beside `path` and renames.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = parent(path);
    fs::create_dir_all(folder).with_context(failed)?;
    let mut file = NamedTempFile::new_in(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    publish(file, path).with_context(failed)
}

fn publish(draft: NamedTempFile, path: &Path) -> Result<()> {
    // Temporary files are private; what a user asked for follows their umask's usual result.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(draft.path(), fs::Permissions::from_mode(0o644))?;
    }
    draft.persist(path)?;
    Ok(())
}

/// Lets `fill` write a draft beside `path` and renames it.
pub fn write_with(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = parent(path);
    fs::create_dir_all(folder).with_context(failed)?;
    let draft = NamedTempFile::new_in(folder).with_context(failed)?;
    fill(draft.path())?;
    publish(draft, path).with_context(failed)
}

/// Writes a value as indented JSON.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .with_context(|| format!("cannot write {}", path.display()))?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a whole text file.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Refuses an output folder that already holds something.
pub fn require_new(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => bail!(
                "{} exists and is not empty; choose another folder or remove it",
                folder.display()
            ),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot write a folder at {}", folder.display()))
        }
    }
}

/// What the names of drafts begin with.
pub const DRAFT: &str = ".draft-";

/// A folder that appears under its final name only when it is complete.
pub struct NewFolder {
    draft: TempDir,
    path: PathBuf,
}

impl NewFolder {
    /// Starts a draft beside `path`, which must not hold anything.
    pub fn create(path: &Path) -> Result<Self> {
        require_new(path)?;
        let folder = parent(path);
        let failed = || format!("cannot create {}", path.display());
        fs::create_dir_all(folder).with_context(failed)?;
        let draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .permissions_of_a_folder()
            .tempdir_in(folder)
            .with_context(failed)?;
        Ok(Self {
            draft,
            path: path.to_path_buf(),
        })
    }

    /// Where to write.
    pub fn draft(&self) -> &Path {
        self.draft.path()
    }

    /// Gives the folder its name.
    pub fn publish(self) -> Result<()> {
        let failed = || format!("cannot create {}", self.path.display());
        if self.path.exists() {
            fs::remove_dir(&self.path).with_context(failed)?;
        }
        let draft = self.draft.keep();
        fs::rename(&draft, &self.path).with_context(failed)
    }
}

trait FolderPermissions {
    fn permissions_of_a_folder(&mut self) -> &mut Self;
}

impl FolderPermissions for tempfile::Builder<'_, '_> {
    /// Readable by others, as any folder that a program makes for its user.
    fn permissions_of_a_folder(&mut self) -> &mut Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            self.permissions(fs::Permissions::from_mode(0o755));
        }
        self
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// JPEG, PNG and BMP files of a folder by name, not of its subfolders.
pub fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, _) = list(folder)?;
    if found.is_empty() {
        bail!(
            "{} holds no .jpg, .jpeg, .png, .webp or .bmp file; name the folder that directly holds the crops",
            folder.display()
        );
    }
    found.sort();
    Ok(found)
}

/// JPEG, PNG and BMP files of a folder and its subfolders by path. What is hidden and links
/// to folders are left aside.
pub fn images_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = list(folder)?;
    while let Some(next) = folders.pop() {
        let (images, inside) = list(&next)?;
        found.extend(images);
        folders.extend(inside);
    }
    if found.is_empty() {
        bail!(
            "{} and its subfolders hold no .jpg, .jpeg, .png, .webp or .bmp file",
            folder.display()
        );
    }
    found.sort();
    Ok(found)
}

/// Images and folders directly in a folder.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let failed = || format!("cannot list the images of {}", folder.display());
    let (mut images, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let path = entry.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type().with_context(failed)?.is_dir() {
            if !hidden {
                folders.push(path);
            }
        } else if ["jpg", "jpeg", "png", "webp", "bmp"]
            .contains(&extension.to_ascii_lowercase().as_str())
        {
            images.push(path);
        }
    }
    Ok((images, folders))
}

/// SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String> {
    let failed = || format!("cannot read {}", path.display());
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path).with_context(failed)?;
    std::io::copy(&mut file, &mut hash).with_context(failed)?;
    Ok(hex(&hash.finalize()))
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as it is called from a folder that it lies in, with `/` between its parts.
pub fn name_within(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = (inside.iter()).map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The last part of a path, for people.
pub fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
