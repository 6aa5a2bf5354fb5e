//! Synchronous data parallelism: several replicas of a model train as one.
//!
//! Replicas are threads of one process, each with a device, or of several processes
//! (nodes), on one machine or many. Threads meet in a [`Meeting`]; the last to arrive
//! speaks for its node through a [`Link`] to the coordinator, where the nodes meet. Sums are
//! taken in the order of ranks, so that they are the same at every run and on every replica.
//!
//! A replica that ends early ends the others: they hear of it at their next exchange, or
//! within [`connection::SILENCE`] if its machine no longer answers.

mod command;
mod connection;
mod coordinator;
mod frame;
mod group;
mod link;
mod meeting;
mod numbers;

pub use command::{CoordinateArgs, Node, NodeArgs, coordinate};
pub use group::{Group, PeerLost};
pub use link::{Facts, Link};
pub use meeting::Meeting;
