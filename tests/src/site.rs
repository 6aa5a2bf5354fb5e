//! The built site with models of the test's own, served as a static host would serve it.

use std::path::Path;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use xtask::server::Server;
use xtask::{assets, files, paths};

/// The path that the site is served under; no URL of the site may assume the host's root.
pub const PREFIX: &str = "/people/find again/";

/// A served copy of the site; gone when dropped.
pub struct Site {
    server: Server,
    _folder: TempDir,
}

impl Site {
    /// Serves a copy of `dist/` whose models are those given by name and folder.
    pub fn serve(models: &[(&str, &Path)]) -> Result<Self> {
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
        assets::write_lists(folder.path())?;
        let server = Server::start(folder.path(), &PREFIX.replace(' ', "%20"), 0)?;
        Ok(Self {
            server,
            _folder: folder,
        })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        self.server.url()
    }
}
