//! `trainer coordinate`, and what `trainer train` is told to join it.

use std::net::TcpListener;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::coordinator;
use super::link::{Facts, Hello, Link};

/// `trainer coordinate`.
#[derive(Args)]
#[command(after_help = "\
Two machines that train as one, with the same data and configuration on both:
  trainer coordinate --listen 0.0.0.0:7070 --nodes 2                     # on either machine
  trainer train ... --coordinator HOST:7070 --nodes 2 --node 0 --out RUN
  trainer train ... --coordinator HOST:7070 --nodes 2 --node 1

It serves one training and ends with it. Connections are neither encrypted nor
authenticated: listen in a network that you trust, or through a tunnel.")]
pub struct CoordinateArgs {
    /// Address and port to listen at; port 0 takes a free one, 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7070")]
    listen: String,
    /// Number of nodes to wait for
    #[arg(long, value_name = "N")]
    nodes: usize,
}

/// Coordinates one training of several nodes.
pub fn coordinate(args: &CoordinateArgs) -> Result<()> {
    if args.nodes == 0 {
        bail!("--nodes is 0, expected at least 1");
    }
    let listener = (TcpListener::bind(&args.listen))
        .with_context(|| format!("cannot listen at {}", args.listen))?;
    println!(
        "listening at {}, waiting for {} nodes",
        listener.local_addr()?,
        args.nodes
    );
    coordinator::serve(listener, args.nodes)
}

/// Which node of several this process is.
#[derive(Args)]
pub struct NodeArgs {
    /// Train together with other nodes that join the same `trainer coordinate`
    #[arg(long, value_name = "HOST:PORT", requires_all = ["nodes", "node"])]
    coordinator: Option<String>,
    /// Number of nodes that train together
    #[arg(long, value_name = "N", requires = "coordinator")]
    nodes: Option<usize>,
    /// Number of this node, from 0; node 0 writes the run
    #[arg(long, value_name = "K", requires = "coordinator")]
    node: Option<usize>,
}

impl NodeArgs {
    /// The node, if it is one.
    pub fn node(self) -> Result<Option<Node>> {
        let (Some(coordinator), Some(nodes), Some(node)) =
            (self.coordinator, self.nodes, self.node)
        else {
            return Ok(None);
        };
        if node >= nodes {
            bail!("--node is {node}, expected a number below --nodes, which is {nodes}");
        }
        Ok(Some(Node {
            coordinator,
            node,
            nodes,
        }))
    }
}

/// One of several nodes that train together.
#[derive(Clone, Debug)]
pub struct Node {
    coordinator: String,
    node: usize,
    /// Number of nodes.
    pub nodes: usize,
}

impl Node {
    /// Whether this is the node that reports and writes the run.
    pub fn leads(&self) -> bool {
        self.node == 0
    }

    /// Joins the other nodes, with which it must have all `facts` in common.
    pub fn join(&self, facts: Facts) -> Result<Link> {
        let hello = Hello {
            node: self.node,
            nodes: self.nodes,
            facts,
        };
        Link::join(&self.coordinator, &hello)
    }
}
