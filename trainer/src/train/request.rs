//! What a run is asked for.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::checkpoint;
use super::record::{RunRecord, RunState};
use crate::config::RunConfig;
use crate::data::NamedData;
use crate::device::{self, DeviceChoice};
use crate::files;
use crate::parallel::Node;

/// What a run is to do.
pub struct TrainRequest {
    /// Everything about the method.
    pub config: RunConfig,
    /// Sources.
    pub data: Vec<NamedData>,
    /// Domains to evaluate on; the sources' own test splits if there are none.
    pub targets: Vec<NamedData>,
    /// Where to compute, one replica on each.
    pub devices: Vec<DeviceChoice>,
    /// Which node of several this is.
    pub node: Option<Node>,
    /// Folder of the run; none where another node writes it.
    pub out: Option<PathBuf>,
    /// Go on with the run in `out` if there is one.
    pub resume: bool,
}

impl TrainRequest {
    /// The request that a run began with, to go on with it.
    pub fn resume(run: PathBuf, devices: Vec<DeviceChoice>, node: Option<Node>) -> Result<Self> {
        let [data, targets] = RunRecord::read(&run)?.named()?;
        Ok(Self {
            config: checkpoint::read_config(&run)?,
            data,
            targets,
            devices,
            out: node.as_ref().is_none_or(Node::leads).then_some(run),
            node,
            resume: true,
        })
    }

    /// Replicas of all nodes.
    pub fn replicas(&self) -> usize {
        self.devices.len() * self.node.as_ref().map_or(1, |node| node.nodes)
    }

    /// Where all of them compute, for people.
    pub fn places(&self) -> String {
        let devices = device::names(&self.devices);
        match &self.node {
            Some(node) => format!("{devices} on each of {} nodes", node.nodes),
            None => devices,
        }
    }

    /// How far the run in a folder has come, if that is where this request may begin.
    ///
    /// # Errors
    /// A folder that holds something else, or a run that is not to be gone on with.
    pub fn state_of(&self, out: &Path) -> Result<RunState> {
        let state = RunState::of(out)?;
        match state {
            RunState::Absent => files::require_new(out)?,
            RunState::Finished if self.resume => println!("finished already  {}", out.display()),
            RunState::Finished => bail!(
                "{} holds a finished run; choose another folder or remove it",
                out.display()
            ),
            RunState::Unfinished { epoch, epochs } if !self.resume => bail!(
                "{0} holds a run with {epoch} of {epochs} epochs done; go on with it by `trainer train --resume {0}`, or choose another folder",
                out.display()
            ),
            RunState::Unfinished { .. } => {
                if checkpoint::read_config(out)? != self.config {
                    bail!(
                        "{} was begun with another configuration than this; its own is in its config.toml",
                        out.display()
                    );
                }
            }
        }
        Ok(state)
    }
}
