//! As much of HTTP as a server of files needs: one request a connection, answered and closed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest request that is read; a browser's has less than a tenth.
const LONGEST: u64 = 64 << 10;
/// How long a visitor may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// What a visitor wants.
pub struct Request {
    /// GET or another.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The value of the header of that name.
    pub range: Option<String>,
}

impl Request {
    /// Reads a request; none where the visitor says nothing, or no HTTP.
    pub fn read(stream: &TcpStream) -> io::Result<Option<Self>> {
        stream.set_read_timeout(Some(SILENCE))?;
        let mut lines = BufReader::new(stream.take(LONGEST)).lines();
        let Some(first) = lines.next().transpose()? else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        let mut range = None;
        for line in lines {
            let line = line?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                    range = Some(value.trim().to_string());
                }
                // The empty line at the end.
                None => break,
                Some(_) => {}
            }
        }
        Ok(Some(Self {
            method: method.to_string(),
            target: target.to_string(),
            range,
        }))
    }
}

/// An answer.
pub struct Reply {
    status: u16,
    headers: String,
    body: Box<dyn Read>,
    length: u64,
}

impl Reply {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: String::new(),
            body: Box::new(io::empty()),
            length: 0,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Adds what is sent.
    pub fn body(mut self, body: impl Read + 'static, length: u64) -> Self {
        self.body = Box::new(body);
        self.length = length;
        self
    }

    /// Sends the answer; whoever asked for its HEAD gets no more than that.
    pub fn send(mut self, request: &Request, mut stream: &TcpStream) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {} \r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.status, self.headers, self.length
        );
        stream.write_all(head.as_bytes())?;
        if request.method != "HEAD" {
            io::copy(&mut self.body, &mut stream)?;
        }
        stream.flush()
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Bytes from the first to before the second place.
    Part(u64, u64),
    /// Nothing that the file has.
    Nothing,
    /// Everything: the header is none that this server must understand.
    All,
}

/// Reads a `Range` header: one range of bytes, as downloads are gone on with.
pub fn range(header: &str, length: u64) -> Asked {
    let parts = header.trim().strip_prefix("bytes=");
    let Some((first, last)) = parts.and_then(|range| range.split_once('-')) else {
        return Asked::All;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length),
        (Err(_), Ok(count)) if first.is_empty() => (length.saturating_sub(count), length),
        _ => return Asked::All,
    };
    match start < end {
        true => Asked::Part(start, end),
        false => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (header, asked) in [
            ("bytes=3-", Asked::Part(3, 10)),
            ("bytes=3-4", Asked::Part(3, 5)),
            ("bytes=8-99", Asked::Part(8, 10)),
            ("bytes=-2", Asked::Part(8, 10)),
            ("bytes=-20", Asked::Part(0, 10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=4-3", Asked::All),
            ("bytes=0-1,4-5", Asked::All),
            ("bytes=-", Asked::All),
            ("pages=1-2", Asked::All),
        ] {
            assert_eq!(range(header, 10), asked, "{header}");
        }
    }
}
