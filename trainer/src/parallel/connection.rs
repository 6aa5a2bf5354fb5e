//! A TCP connection that notices when the other side is no longer there.

use std::io::{self, BufReader, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::frame::Frame;

/// How often each side says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// A side that has not been heard for so long is lost.
pub const SILENCE: Duration = Duration::from_secs(15);

/// The sending half. Two threads of its own read and send signs of life until it is dropped.
pub struct Connection {
    writer: Arc<Mutex<TcpStream>>,
}

impl Connection {
    /// Takes a connection over. `heard` gets every message but signs of life, and why there
    /// will be no more; that is the last it hears.
    pub fn start(
        stream: TcpStream,
        heard: impl FnMut(Result<Frame, String>) + Send + 'static,
    ) -> io::Result<Self> {
        prepare(&stream)?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        let writer = Arc::new(Mutex::new(stream));
        let alive = Arc::downgrade(&writer);
        thread::spawn(move || listen(reader, heard));
        thread::spawn(move || {
            loop {
                thread::sleep(HEARTBEAT);
                let Some(writer) = alive.upgrade() else {
                    return;
                };
                // The reader learns of a broken connection too, and reports it.
                if send(&writer, &Frame::Alive).is_err() {
                    return;
                }
            }
        });
        Ok(Self { writer })
    }

    /// Sends a message.
    pub fn send(&self, frame: &Frame) -> Result<(), String> {
        send(&self.writer, frame).map_err(|error| reason(&error))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What was sent still arrives; the reader's thread ends.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writer.shutdown(Shutdown::Both);
    }
}

/// Small messages at once, and no waiting without end.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))
}

fn listen(mut reader: BufReader<TcpStream>, mut heard: impl FnMut(Result<Frame, String>)) {
    loop {
        match Frame::read(&mut reader) {
            Ok(Frame::Alive) => (),
            Ok(frame) => heard(Ok(frame)),
            Err(error) => return heard(Err(reason(&error))),
        }
    }
}

fn send(writer: &Mutex<TcpStream>, frame: &Frame) -> io::Result<()> {
    let mut stream = writer.lock().unwrap_or_else(PoisonError::into_inner);
    frame.write(&mut *stream)
}

/// Why a connection has ended, for people.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "it has closed the connection".to_string()
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("it has not answered for {} s", SILENCE.as_secs())
        }
        _ => error.to_string(),
    }
}

/// The other side's address.
pub fn peer(stream: &TcpStream) -> String {
    (stream.peer_addr()).map_or_else(
        |_| "unknown address".to_string(),
        |a: SocketAddr| a.to_string(),
    )
}
