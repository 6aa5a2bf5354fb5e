//! A state on its way from the node that leads to the others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Checkpoint, FROZEN, RESUME, STATE, WEIGHTS, folders};
use crate::config::RunConfig;
use crate::files;
use crate::parallel::Link;

/// Files of a checkpoint's folder, the one that says the step first.
const FILES: [&str; 3] = [STATE, WEIGHTS, RESUME];

/// Gives all other nodes the checkpoint in `folder` and what the run never trains.
///
/// # Errors
/// Files that cannot be read, and nodes that are lost.
pub fn send(link: &Link, run: &Path, folder: &Path) -> Result<()> {
    for name in FILES {
        link.broadcast(Some(files::read(&folder.join(name))?))?;
    }
    let frozen = folders::root(run).join(FROZEN);
    link.broadcast(Some(files::read(&frozen)?))?;
    Ok(())
}

/// Writes what node 0 sends as a run of its own into the folder `run`. Returns the
/// checkpoint's folder and state.
///
/// # Errors
/// Files that cannot be written or arrive broken, and nodes that are lost.
pub fn receive(link: &Link, run: &Path, config: &RunConfig) -> Result<(PathBuf, Checkpoint)> {
    let [state, weights, resume] = FILES.map(|_| link.broadcast(None));
    let (state, frozen) = (state?, link.broadcast(None)?);
    let step = serde_json::from_slice::<Checkpoint>(&state)
        .context("node 0 has sent something that is not a checkpoint's state")?
        .step;
    let folder = folders::of_step(run, step);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, bytes) in FILES.into_iter().zip([state, weights?, resume?]) {
        files::write(&folder.join(name), &bytes)?;
    }
    files::write(&folders::root(run).join(FROZEN), &frozen)?;
    let state = Checkpoint::read_state(&folder, config)?;
    Ok((folder, state))
}
