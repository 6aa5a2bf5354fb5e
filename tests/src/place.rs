//! A folder of drawn people to train on.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;
use xtask::paths;

use crate::trainer::trainer_ok;

/// A folder with drawn people in `data`, removed at the end.
pub struct Place(TempDir);

impl Place {
    /// Draws them.
    pub fn with_data() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let synth = "synth --out data --domain campus --ids 16 --images-per-id 8";
        trainer_ok(folder.path(), synth.split(' '))?;
        Ok(Self(folder))
    }

    /// A path within the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `trainer train` of a small model on the drawn people, ready to be started.
    pub fn train(&self, options: &str) -> Command {
        let mut command = Command::new(paths::trainer());
        (command.current_dir(self.0.path()))
            .args(["train", "--data", "market1501=data", "--config"])
            .arg(paths::root().join("tests/fixtures/small.toml"))
            .args(options.split_whitespace());
        command
    }
}
