//! A state on its way from the node that leads to the others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{CONFIG, Checkpoint, FROZEN, RESUME, STATE, WEIGHTS, folders};
use crate::files;
use crate::parallel::Link;

/// Files of a checkpoint's folder, the one that says the step first.
const FILES: [&str; 3] = [STATE, WEIGHTS, RESUME];

/// What belongs to the run as a whole.
fn of_run(run: &Path) -> [PathBuf; 2] {
    [run.join(CONFIG), folders::root(run).join(FROZEN)]
}

/// Gives all other nodes the checkpoint in `folder` and what the run never trains.
///
/// # Errors
/// Files that cannot be read, and nodes that are lost.
pub fn send(link: &Link, run: &Path, folder: &Path) -> Result<()> {
    for name in FILES {
        link.broadcast(Some(files::read(&folder.join(name))?))?;
    }
    for path in of_run(run) {
        link.broadcast(Some(files::read(&path)?))?;
    }
    Ok(())
}

/// Writes what node 0 sends as a run of its own into the folder `run`. Returns the
/// checkpoint's folder and state.
///
/// # Errors
/// Files that cannot be written or arrive broken, and nodes that are lost.
pub fn receive(link: &Link, run: &Path) -> Result<(PathBuf, Checkpoint)> {
    let [state, weights, resume] = FILES.map(|_| link.broadcast(None));
    let (state, weights, resume) = (state?, weights?, resume?);
    for path in of_run(run) {
        files::write(&path, &link.broadcast(None)?)?;
    }
    let step = serde_json::from_slice::<Checkpoint>(&state)
        .context("node 0 has sent something that is not a checkpoint's state")?
        .step;
    let folder = folders::of_step(run, step);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, bytes) in FILES.into_iter().zip([state, weights, resume]) {
        files::write(&folder.join(name), &bytes)?;
    }
    let state = Checkpoint::read_state(run, &folder)?;
    Ok((folder, state))
}
