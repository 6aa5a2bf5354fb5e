//! Where nodes meet: it combines their parts of every exchange and tells them when one of
//! them is lost. It knows nothing of what they train.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::connection::{self, Connection};
use super::frame::Frame;
use super::link::Hello;
use super::numbers::Combine;

#[cfg(test)]
mod tests;

/// How long nodes have to hear why everything has ended.
const FAREWELL: Duration = Duration::from_secs(5);

enum Event {
    /// Someone has introduced themselves.
    Came(TcpStream, Hello),
    /// A node has sent something, or will not any more.
    Heard(usize, Result<Frame, String>),
}

struct Seat {
    connection: Connection,
    address: String,
    hello: Hello,
    done: bool,
}

/// The nodes that train together.
struct Table {
    seats: Vec<Option<Seat>>,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

/// Serves one training of `nodes` nodes, from their joining to their end.
///
/// # Errors
/// A node that was lost or has ended early.
pub fn serve(listener: TcpListener, nodes: usize) -> Result<()> {
    let (sender, events) = channel();
    let door = sender.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let door = door.clone();
            // A stranger that says nothing must not keep others out.
            thread::spawn(move || introduce(stream, &door));
        }
    });
    let mut table = Table {
        seats: (0..nodes).map(|_| None).collect(),
        events,
        sender,
    };
    table.gather()?;
    match table.exchanges() {
        Ok(()) => Ok(()),
        Err(error) => {
            table.dismiss(&format!("{error:#}"));
            Err(error)
        }
    }
}

fn introduce(mut stream: TcpStream, door: &Sender<Event>) {
    let address = connection::peer(&stream);
    let hello = connection::prepare(&stream).and_then(|()| Frame::read(&mut stream));
    match hello {
        Ok(Frame::Hello(json)) => match serde_json::from_slice(&json) {
            // An error of `send` means that the training is over.
            Ok(hello) => drop(door.send(Event::Came(stream, hello))),
            Err(error) => println!("{address} introduced itself wrongly: {error}"),
        },
        Ok(_) => println!("{address} did not introduce itself"),
        Err(error) => println!("{address} is no node: {}", connection::reason(&error)),
    }
}

impl Table {
    /// Waits until every seat is taken.
    fn gather(&mut self) -> Result<()> {
        let nodes = self.seats.len();
        while self.seats.iter().any(Option::is_none) {
            match self.events.recv()? {
                Event::Came(stream, hello) => {
                    let (node, address) = (hello.node, connection::peer(&stream));
                    match self.seat(stream, hello) {
                        Ok(()) => {
                            let there = self.seats.iter().flatten().count();
                            println!("node {node} has joined from {address}, {there} of {nodes}");
                        }
                        Err(reason) => println!("refused {address} as node {node}: {reason}"),
                    }
                }
                Event::Heard(node, heard) => {
                    let reason = match heard {
                        Err(reason) | Ok(Frame::Ended(reason)) => reason,
                        Ok(_) => "it did not wait for the others".to_string(),
                    };
                    if self.seats[node].take().is_some() {
                        println!("node {node} has left, waiting for it again: {reason}");
                    }
                }
            }
        }
        self.tell(&Frame::Welcome);
        println!("all {nodes} nodes have joined");
        Ok(())
    }

    /// Gives a node its seat, or a reason why not.
    fn seat(&mut self, mut stream: TcpStream, hello: Hello) -> Result<(), String> {
        if let Err(reason) = self.admit(&hello) {
            // If this cannot be said, the closed connection says it.
            let _ = Frame::Refused(reason.clone()).write(&mut stream);
            return Err(reason);
        }
        let (node, address) = (hello.node, connection::peer(&stream));
        let sender = self.sender.clone();
        let heard = move |heard| drop(sender.send(Event::Heard(node, heard)));
        let connection = Connection::start(stream, heard).map_err(|error| error.to_string())?;
        self.seats[node] = Some(Seat {
            connection,
            address,
            hello,
            done: false,
        });
        Ok(())
    }

    fn admit(&self, hello: &Hello) -> Result<(), String> {
        let nodes = self.seats.len();
        if hello.nodes != nodes {
            return Err(format!(
                "it was started with --nodes {}, the coordinator with --nodes {nodes}",
                hello.nodes
            ));
        }
        match self.seats.get(hello.node) {
            None => {
                return Err(format!(
                    "nodes are numbered from 0 to {}",
                    nodes.saturating_sub(1)
                ));
            }
            Some(Some(seat)) => {
                return Err(format!("{} is node {} already", seat.address, hello.node));
            }
            Some(None) => (),
        }
        let Some(other) = self.seats.iter().flatten().next() else {
            return Ok(());
        };
        let mut names: Vec<&String> = other.hello.facts.keys().collect();
        names.extend(hello.facts.keys());
        for name in names {
            let (here, there) = (hello.facts.get(name), other.hello.facts.get(name));
            if here != there {
                let text = |fact: Option<&String>| fact.map_or("none", |f| f.as_str()).to_string();
                return Err(format!(
                    "its {name} is {}, that of node {} is {}; all nodes must train the same",
                    text(here),
                    other.hello.node,
                    text(there)
                ));
            }
        }
        Ok(())
    }

    /// Combines parts until all nodes are done.
    fn exchanges(&mut self) -> Result<()> {
        let mut parts: Vec<Option<(Combine, Vec<u8>)>> = self.seats.iter().map(|_| None).collect();
        while self.seats.iter().flatten().any(|seat| !seat.done) {
            let (node, heard) = match self.events.recv()? {
                Event::Came(mut stream, _) => {
                    let reason = "all nodes have joined already".to_string();
                    // If this cannot be said, the closed connection says it.
                    let _ = Frame::Refused(reason).write(&mut stream);
                    continue;
                }
                Event::Heard(node, heard) => (node, heard),
            };
            let Some(seat) = &mut self.seats[node] else {
                continue;
            };
            match heard {
                Ok(Frame::Part(combine, part)) => parts[node] = Some((combine, part)),
                Ok(Frame::Done) => seat.done = true,
                Ok(Frame::Ended(reason)) => {
                    bail!("node {node} ({}) has ended early: {reason}", seat.address)
                }
                Ok(_) => bail!(
                    "node {node} ({}) has sent what was not asked for",
                    seat.address
                ),
                Err(_) if seat.done => (),
                Err(reason) => {
                    let address = seat.address.clone();
                    self.seats[node] = None;
                    bail!("node {node} ({address}) is lost: {reason}");
                }
            }
            if let Some(whole) = combine(&mut parts)? {
                self.tell(&Frame::Whole(whole));
            }
        }
        println!("all nodes have finished");
        Ok(())
    }

    /// Tells every node. One that cannot be told is found lost by its reader.
    fn tell(&self, frame: &Frame) {
        for seat in self.seats.iter().flatten() {
            let _ = seat.connection.send(frame);
        }
    }

    /// Tells every node why it has ended, and waits until they have gone.
    fn dismiss(&mut self, reason: &str) {
        self.tell(&Frame::Ended(reason.to_string()));
        let until = Instant::now() + FAREWELL;
        while self.seats.iter().any(Option::is_some) {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Event::Heard(node, Err(_))) => self.seats[node] = None,
                Ok(_) => (),
                Err(_) => return,
            }
        }
    }
}

/// What the parts make together once every node has given its own.
fn combine(parts: &mut [Option<(Combine, Vec<u8>)>]) -> Result<Option<Vec<u8>>> {
    let mut how = None;
    for part in parts.iter() {
        let Some((combine, _)) = part else {
            return Ok(None);
        };
        if how.is_some_and(|how| how != *combine) {
            bail!("the nodes do not run the same step");
        }
        how = Some(*combine);
    }
    let parts = parts
        .iter_mut()
        .filter_map(Option::take)
        .map(|(_, part)| part);
    let Some(whole) = how.and_then(|how| how.parts(parts)) else {
        bail!("the nodes have sent parts of different lengths");
    };
    Ok(Some(whole))
}
