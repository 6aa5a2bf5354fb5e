//! The built site with models of the test's own, served as a static host would serve it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use xtask::server::Server;
use xtask::{assets, files, paths};

/// The path that the site is served under; no URL of the site may assume the host's root.
pub const PREFIX: &str = "/people/find again/";

/// A served copy of the site; gone when dropped.
pub struct Site {
    server: Server,
    folder: TempDir,
}

impl Site {
    /// Serves a copy of `dist/` whose models are those given by name and folder, and whose
    /// samples are the pictures given.
    pub fn serve(models: &[(&str, &Path)], samples: &[PathBuf]) -> Result<Self> {
        let dist = paths::dist();
        ensure!(
            dist.join("index.html").exists(),
            "there is no site in {}; build it: cargo xtask web",
            dist.display()
        );
        let folder = tempfile::tempdir()?;
        files::copy_folder(&dist, folder.path())?;
        let shipped = folder.path().join("models");
        files::remove(&shipped)?;
        for (name, model) in models {
            files::copy_folder(model, &shipped.join(name))?;
        }
        let shown = folder.path().join("samples");
        files::remove(&shown)?;
        fs::create_dir(&shown)?;
        for picture in samples {
            fs::copy(picture, shown.join(picture.file_name().unwrap_or_default()))?;
        }
        assets::write_lists(folder.path())?;
        let server = Server::start(folder.path(), &PREFIX.replace(' ', "%20"), 0)?;
        Ok(Self { server, folder })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The folder that is served.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
