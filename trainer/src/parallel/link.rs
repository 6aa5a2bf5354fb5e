//! A node's side of the connection to the coordinator.

use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::connection::{self, Connection};
use super::frame::Frame;
use super::group::PeerLost;
use super::numbers::Combine;

/// What must be equal on all nodes, by name.
pub type Facts = BTreeMap<String, String>;

/// How a node introduces itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Its number, from 0.
    pub node: usize,
    /// How many nodes it expects.
    pub nodes: usize,
    /// What it is about to train.
    pub facts: Facts,
}

/// How long a coordinator may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(300);

/// A node among nodes.
pub struct Link {
    connection: Connection,
    inbox: Mutex<Receiver<Result<Frame, String>>>,
    coordinator: String,
    node: usize,
    nodes: usize,
}

impl Link {
    /// Joins the coordinator at `HOST:PORT` and waits until all nodes have.
    ///
    /// # Errors
    /// A coordinator that is not there, or that refuses the node.
    pub fn join(coordinator: &str, hello: &Hello) -> Result<Self> {
        let mut stream = connect(coordinator)?;
        connection::prepare(&stream)?;
        Frame::Hello(serde_json::to_vec(hello)?)
            .write(&mut stream)
            .with_context(|| format!("cannot reach the coordinator at {coordinator}"))?;
        let (sender, inbox) = channel();
        // An error of `send` means that the link has been dropped.
        let connection = Connection::start(stream, move |heard| drop(sender.send(heard)))?;
        let link = Self {
            connection,
            inbox: Mutex::new(inbox),
            coordinator: coordinator.to_string(),
            node: hello.node,
            nodes: hello.nodes,
        };
        println!(
            "node {} waits until all {} nodes have joined {coordinator}",
            hello.node, hello.nodes
        );
        match link.receive()? {
            Frame::Welcome => Ok(link),
            Frame::Refused(reason) => {
                bail!(
                    "the coordinator at {coordinator} refuses node {}: {reason}",
                    hello.node
                )
            }
            _ => Err(link.confused().into()),
        }
    }

    /// Number of this node, from 0.
    pub fn node(&self) -> usize {
        self.node
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Gives a part and waits for what all nodes' parts make together.
    ///
    /// # Errors
    /// A node, or the coordinator, that has ended.
    pub fn exchange(&self, combine: Combine, part: Vec<u8>) -> Result<Vec<u8>, PeerLost> {
        if self.connection.send(&Frame::Part(combine, part)).is_err() {
            // Why is in what was heard before.
            return Err(self.receive().err().unwrap_or_else(|| self.confused()));
        }
        match self.receive()? {
            Frame::Whole(whole) => Ok(whole),
            _ => Err(self.confused()),
        }
    }

    /// What node 0 gives, on every node. The others give nothing.
    ///
    /// # Errors
    /// As those of [`Self::exchange`].
    pub fn broadcast(&self, from_node_0: Option<Vec<u8>>) -> Result<Vec<u8>, PeerLost> {
        self.exchange(Combine::Join, from_node_0.unwrap_or_default())
    }

    /// Says that this node is done.
    pub fn finish(&self) {
        // A coordinator that is gone by now has nothing left to do.
        let _ = self.connection.send(&Frame::Done);
    }

    /// Says that this node has ended early.
    pub fn fail(&self, reason: &str) {
        // If this cannot be said, the closed connection says it.
        let _ = self.connection.send(&Frame::Ended(reason.to_string()));
    }

    fn receive(&self) -> Result<Frame, PeerLost> {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || "it has closed the connection".to_string();
        match inbox.recv().unwrap_or_else(|_| Err(gone())) {
            Ok(Frame::Ended(reason)) => Err(PeerLost(reason)),
            Ok(frame) => Ok(frame),
            Err(reason) => Err(PeerLost(format!(
                "the coordinator at {} is lost: {reason}",
                self.coordinator
            ))),
        }
    }

    fn confused(&self) -> PeerLost {
        PeerLost(format!(
            "the coordinator at {} has sent what was not asked for",
            self.coordinator
        ))
    }
}

fn connect(coordinator: &str) -> Result<TcpStream> {
    let addresses: Vec<_> = (coordinator.to_socket_addrs())
        .with_context(|| format!("{coordinator} is no address; write HOST:PORT"))?
        .collect();
    let started = Instant::now();
    loop {
        let tried = (addresses.iter())
            .map(|address| TcpStream::connect_timeout(address, PATIENCE))
            .reduce(Result::or);
        match tried.ok_or_else(|| anyhow!("{coordinator} has no address"))? {
            Ok(stream) => return Ok(stream),
            Err(error) if started.elapsed() > PATIENCE => {
                return Err(error).with_context(|| {
                    format!(
                        "no coordinator answers at {coordinator}; start one with `trainer coordinate`"
                    )
                });
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
