//! A plain static file server, as any host of static files would be.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use tiny_http::{Header, Method, Request, Response, StatusCode};

/// Port of `cargo xtask serve` unless given.
pub const DEFAULT_PORT: u16 = 8080;

/// Threads that answer; browsers ask for several files at once.
const WORKERS: usize = 4;

/// A running server; stops when dropped.
pub struct Server {
    http: Arc<tiny_http::Server>,
    workers: Vec<JoinHandle<()>>,
    address: SocketAddr,
    prefix: String,
}

impl Server {
    /// Serves `folder` on this machine only, under the path `prefix` such as `/` or `/some/path/`.
    /// Port 0 takes a free one.
    pub fn start(folder: &Path, prefix: &str, port: u16) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| {
            format!(
                "cannot serve {}; build it with `cargo xtask web`",
                folder.display()
            )
        })?;
        let http = tiny_http::Server::http(("127.0.0.1", port)).map_err(|error| {
            anyhow::anyhow!("cannot listen on port {port}: {error}; choose another with --port")
        })?;
        let Some(address) = http.server_addr().to_ip() else {
            bail!("the server listens on no network address");
        };
        let http = Arc::new(http);
        let workers = (0..WORKERS)
            .map(|_| {
                let (http, folder, prefix) = (http.clone(), folder.clone(), prefix.to_string());
                thread::spawn(move || {
                    while let Ok(request) = http.recv() {
                        // A visitor that went away is nobody's problem.
                        let _ = answer(request, &folder, &prefix);
                    }
                })
            })
            .collect();
        Ok(Self {
            http,
            workers,
            address,
            prefix: prefix.to_string(),
        })
    }

    /// The address of the served folder, ending in `/`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.prefix)
    }

    /// Serves until the program is ended.
    pub fn wait(mut self) {
        for worker in std::mem::take(&mut self.workers) {
            // A worker ends only with the server.
            let _ = worker.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for _ in &self.workers {
            self.http.unblock();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Serves `folder` and says where, until the program is ended.
pub fn serve_forever(folder: &Path, port: u16) -> Result<()> {
    let server = Server::start(folder, "/", port)?;
    println!("{} (Ctrl-C ends)", server.url());
    server.wait();
    Ok(())
}

fn answer(request: Request, folder: &Path, prefix: &str) -> io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(Response::empty(405));
    }
    let path = request.url().split(['?', '#']).next().unwrap_or_default();
    if format!("{path}/") == prefix {
        // Relative links of the page resolve only below the slash.
        let location = header("Location", prefix)?;
        return request.respond(Response::empty(308).with_header(location));
    }
    let found = path
        .strip_prefix(prefix)
        .and_then(|rest| resolve(folder, rest))
        .and_then(|path| Some((File::open(&path).ok()?, path)));
    match found {
        Some((file, path)) => send(request, file, &path),
        None => request.respond(Response::from_string("not found\n").with_status_code(404)),
    }
}

/// Answers with a file, or with the part of it that is asked for.
fn send(request: Request, mut file: File, path: &Path) -> io::Result<()> {
    let length = file.metadata()?.len();
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let mut headers = vec![
        header("Content-Type", kind.essence_str())?,
        header("Cache-Control", "no-cache")?,
        header("Accept-Ranges", "bytes")?,
    ];
    let asked = request.headers().iter().find(|h| h.field.equiv("Range"));
    let (status, start, end) = match asked.map(|asked| range(asked.value.as_str(), length)) {
        Some(Asked::Part(start, end)) => {
            headers.push(header(
                "Content-Range",
                &format!("bytes {start}-{}/{length}", end - 1),
            )?);
            (206, start, end)
        }
        Some(Asked::Nothing) => {
            headers.push(header("Content-Range", &format!("bytes */{length}"))?);
            (416, 0, 0)
        }
        Some(Asked::All) | None => (200, 0, length),
    };
    file.seek(SeekFrom::Start(start))?;
    let part = file.take(end - start);
    let bytes = usize::try_from(end - start).ok();
    // A program that reads the length of a large file expects to be told it.
    let response = Response::new(StatusCode(status), headers, part, bytes, None)
        .with_chunked_threshold(usize::MAX);
    request.respond(response)
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Bytes from the first to before the second place.
    Part(u64, u64),
    /// Nothing that the file has.
    Nothing,
    /// Everything: the header is none that this server must understand.
    All,
}

/// Reads a `Range` header: one range of bytes, as downloads are gone on with.
fn range(header: &str, length: u64) -> Asked {
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

fn header(name: &str, value: &str) -> io::Result<Header> {
    Header::from_bytes(name, value)
        .map_err(|()| io::Error::other(format!("{value} cannot be a header")))
}

/// The file of a URL path below the prefix; none where it is missing or outside of the folder.
fn resolve(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let path = Path::new(path.as_ref());
    let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(inside) {
        return None;
    }
    let mut file = folder.join(path);
    if file.is_dir() {
        file.push("index.html");
    }
    // Links may lead out of the folder as well.
    let file = file.canonicalize().ok()?;
    (file.starts_with(folder) && file.is_file()).then_some(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn get(server: &Server, path: &str) -> String {
        ask(server, "GET", path, "")
    }

    fn ask(server: &Server, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn serves_a_folder_below_a_path_and_nothing_else() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("site");
        fs::create_dir_all(folder.join("a b")).unwrap();
        fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        fs::write(folder.join("index.html"), "<p>front</p>").unwrap();
        fs::write(folder.join("p.wasm"), "program").unwrap();
        fs::write(folder.join("p.js"), "script").unwrap();
        fs::write(folder.join("a b/c.txt"), "spaced").unwrap();
        let server = Server::start(&folder, "/some/path/", 0).unwrap();
        assert!(server.url().ends_with("/some/path/"));

        let front = get(&server, "/some/path/?backend=cpu");
        assert!(front.starts_with("HTTP/1.1 200"), "{front}");
        assert!(
            front.contains("text/html") && front.ends_with("<p>front</p>"),
            "{front}"
        );
        assert!(get(&server, "/some/path/p.wasm").contains("application/wasm"));
        assert!(get(&server, "/some/path/p.js").contains("text/javascript"));
        assert!(get(&server, "/some/path/a%20b/c.txt").ends_with("spaced"));
        let redirect = get(&server, "/some/path");
        assert!(redirect.starts_with("HTTP/1.1 308") && redirect.contains("/some/path/"));
        for outside in [
            "/",
            "/index.html",
            "/some/path/missing",
            "/some/path/../secret.txt",
            "/some/path/%2e%2e/secret.txt",
            "/some/path/..%2fsecret.txt",
            "/some/path//etc/passwd",
        ] {
            let answer = get(&server, outside);
            assert!(answer.starts_with("HTTP/1.1 404"), "{outside}: {answer}");
        }
    }

    #[test]
    fn a_part_of_a_file_can_be_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.safetensors"), "0123456789").unwrap();
        fs::write(folder.path().join("site.webmanifest"), "{}").unwrap();
        let server = Server::start(folder.path(), "/", 0).unwrap();
        for (range, status, place, body) in [
            ("bytes=3-", 206, "bytes 3-9/10", "3456789"),
            ("bytes=3-4", 206, "bytes 3-4/10", "34"),
            ("bytes=8-99", 206, "bytes 8-9/10", "89"),
            ("bytes=-2", 206, "bytes 8-9/10", "89"),
            ("bytes=10-", 416, "bytes */10", ""),
            ("bytes=4-3", 200, "", "0123456789"),
            ("bytes=0-1,4-5", 200, "", "0123456789"),
            ("pages=1-2", 200, "", "0123456789"),
        ] {
            let headers = format!("Range: {range}\r\n");
            let answer = ask(&server, "GET", "/w.safetensors", &headers);
            let (head, found) = answer.split_once("\r\n\r\n").unwrap();
            let right = head.starts_with(&format!("HTTP/1.1 {status}"))
                && head.contains("Accept-Ranges: bytes")
                && head.contains(&format!("Content-Length: {}", body.len()))
                && (place.is_empty() || head.contains(&format!("Content-Range: {place}")));
            assert!(right && found == body, "{range}: {answer}");
        }
        let head = ask(&server, "HEAD", "/w.safetensors", "");
        assert!(
            head.starts_with("HTTP/1.1 200") && head.contains("Content-Length: 10"),
            "{head}"
        );
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        assert!(get(&server, "/site.webmanifest").contains("application/manifest+json"));
        assert!(ask(&server, "POST", "/w.safetensors", "").starts_with("HTTP/1.1 405"));
    }
}
