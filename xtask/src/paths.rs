//! Where things lie in the repository.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Cargo's output folder: `CARGO_TARGET_DIR` or `target/`.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // Relative paths are relative to where cargo runs, which is the root here.
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The built site.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// The trainer's program.
pub fn trainer() -> PathBuf {
    target()
        .join("release")
        .join(format!("trainer{}", std::env::consts::EXE_SUFFIX))
}

/// What a demo adds to the site: `models/` and `samples/`.
pub fn demo_site() -> PathBuf {
    target().join("demo").join("site")
}
