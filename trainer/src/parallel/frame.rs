//! What nodes and coordinator send each other: a kind, a length, and that many bytes.

use std::io::{self, Read, Write};

use super::numbers::Combine;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The sender is still there.
    Alive,
    /// A node introduces itself; JSON of [`super::link::Hello`].
    Hello(Vec<u8>),
    /// All nodes have joined.
    Welcome,
    /// The node may not join, for this reason.
    Refused(String),
    /// A node's part of an exchange.
    Part(Combine, Vec<u8>),
    /// What all parts make together.
    Whole(Vec<u8>),
    /// The training has ended for everyone, for this reason.
    Ended(String),
    /// A node has finished.
    Done,
}

/// The longest introduction, before which nobody is trusted to send more.
const HELLO: u64 = 1 << 16;
/// The longest message of a node.
const LONGEST: u64 = 1 << 40;

impl Frame {
    /// Writes it.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Alive => (0, &[]),
            Self::Hello(bytes) => (1, bytes),
            Self::Welcome => (2, &[]),
            Self::Refused(reason) => (3, reason.as_bytes()),
            Self::Part(Combine::Sum, bytes) => (4, bytes),
            Self::Part(Combine::Join, bytes) => (5, bytes),
            Self::Whole(bytes) => (6, bytes),
            Self::Ended(reason) => (7, reason.as_bytes()),
            Self::Done => (8, &[]),
        };
        let mut head = [kind; 9];
        head[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        to.write_all(&head)?;
        to.write_all(bytes)
    }

    /// Reads the next one.
    ///
    /// # Errors
    /// What is no message, besides errors of the connection.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0];
        let mut length = [0; 8];
        from.read_exact(&mut kind)?;
        from.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let most = match kind[0] {
            4..=6 => LONGEST,
            1 | 3 | 7 => HELLO,
            _ => 0,
        };
        if length > most {
            return Err(foreign());
        }
        // Grows as bytes arrive: a length alone allocates nothing.
        let mut bytes = Vec::new();
        from.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| foreign());
        Ok(match kind[0] {
            0 => Self::Alive,
            1 => Self::Hello(bytes),
            2 => Self::Welcome,
            3 => Self::Refused(text(bytes)?),
            4 => Self::Part(Combine::Sum, bytes),
            5 => Self::Part(Combine::Join, bytes),
            6 => Self::Whole(bytes),
            7 => Self::Ended(text(bytes)?),
            8 => Self::Done,
            _ => return Err(foreign()),
        })
    }
}

fn foreign() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it sent something that is no message of this program",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_and_strangers_are_refused() -> io::Result<()> {
        let frames = [
            Frame::Alive,
            Frame::Hello(b"{}".to_vec()),
            Frame::Welcome,
            Frame::Refused("no".to_string()),
            Frame::Part(Combine::Sum, vec![1, 2, 3, 4]),
            Frame::Part(Combine::Join, Vec::new()),
            Frame::Whole(vec![5]),
            Frame::Ended("over".to_string()),
            Frame::Done,
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.write(&mut bytes)?;
        }
        let mut rest = bytes.as_slice();
        for frame in &frames {
            assert_eq!(Frame::read(&mut rest)?, *frame);
        }
        let cut = Frame::read(&mut &bytes[..5]).map_err(|error| error.kind());
        assert_eq!(cut, Err(io::ErrorKind::UnexpectedEof));
        let stranger = Frame::read(&mut b"GET / HTTP/1.1\r\n".as_slice());
        assert_eq!(
            stranger.map_err(|error| error.kind()),
            Err(io::ErrorKind::InvalidData)
        );
        Ok(())
    }
}
