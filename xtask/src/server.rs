//! A plain static file server, as any host of static files would be.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;

use crate::http::{self, Asked, Reply, Request};

/// Port of `cargo xtask serve` unless given.
pub const DEFAULT_PORT: u16 = 8080;

/// A running server; stops when dropped.
pub struct Server {
    listener: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
    address: SocketAddr,
    prefix: String,
}

/// What is served where.
struct Place {
    folder: PathBuf,
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
        let listener = TcpListener::bind(("127.0.0.1", port))
            .with_context(|| format!("cannot listen on port {port}; choose another with --port"))?;
        let address = listener.local_addr().context("the server has no address")?;
        let prefix = prefix.to_string();
        let place = Arc::new(Place {
            folder,
            prefix: prefix.clone(),
        });
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let listener = thread::spawn(move || listen(&listener, &place, &stop));
        Ok(Self {
            listener: Some(listener),
            stopped,
            address,
            prefix,
        })
    }

    /// The address of the served folder, ending in `/`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.prefix)
    }

    /// Serves until the program is ended.
    pub fn wait(mut self) {
        if let Some(listener) = self.listener.take() {
            // It ends only with the server.
            let _ = listener.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(listener) = self.listener.take() {
            // It waits for a visitor. Where none can come, it has ended.
            let _ = TcpStream::connect(self.address);
            let _ = listener.join();
        }
    }
}

/// Gives each connection a thread: browsers open some long before they ask for anything.
fn listen(listener: &TcpListener, place: &Arc<Place>, stopped: &Arc<AtomicBool>) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (place, stopped) = (place.clone(), stopped.clone());
        thread::spawn(move || {
            // A visitor that went away is nobody's problem.
            if let Ok(Some(request)) = Request::read(&stream)
                && !stopped.load(Ordering::SeqCst)
            {
                let _ = answer(&request, &place).and_then(|reply| reply.send(&request, &stream));
            }
        });
    }
}

/// Serves `folder` and says where, until the program is ended.
pub fn serve_forever(folder: &Path, port: u16) -> Result<()> {
    let server = Server::start(folder, "/", port)?;
    println!("{} (Ctrl-C ends)", server.url());
    server.wait();
    Ok(())
}

fn answer(request: &Request, place: &Place) -> io::Result<Reply> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Ok(Reply::new(405));
    }
    let path = request.target.split(['?', '#']).next().unwrap_or_default();
    if format!("{path}/") == place.prefix {
        // Relative links of the page resolve only below the slash.
        return Ok(Reply::new(308).header("Location", &place.prefix));
    }
    let found = path
        .strip_prefix(&place.prefix)
        .and_then(|rest| resolve(&place.folder, rest))
        .and_then(|path| Some((File::open(&path).ok()?, path)));
    match found {
        Some((file, path)) => contents(request, file, &path),
        None => Ok(Reply::new(404)),
    }
}

/// A file, or the part of it that is asked for.
fn contents(request: &Request, mut file: File, path: &Path) -> io::Result<Reply> {
    let length = file.metadata()?.len();
    let asked = request.range.as_deref();
    let (reply, start, end) = match asked.map_or(Asked::All, |range| http::range(range, length)) {
        Asked::Part(start, end) => {
            let place = format!("bytes {start}-{}/{length}", end - 1);
            (Reply::new(206).header("Content-Range", &place), start, end)
        }
        Asked::Nothing => {
            let place = format!("bytes */{length}");
            return Ok(Reply::new(416).header("Content-Range", &place));
        }
        Asked::All => (Reply::new(200), 0, length),
    };
    file.seek(SeekFrom::Start(start))?;
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    Ok(reply
        .header("Content-Type", kind.essence_str())
        .header("Cache-Control", "no-cache")
        .header("Accept-Ranges", "bytes")
        .body(file.take(end - start), end - start))
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
            ("bytes=10-", 416, "bytes */10", ""),
            ("bytes=0-1,4-5", 200, "", "0123456789"),
        ] {
            let headers = format!("Range: {range}\r\n");
            let answer = ask(&server, "GET", "/w.safetensors", &headers);
            let (head, found) = answer.split_once("\r\n\r\n").unwrap();
            let right = head.starts_with(&format!("HTTP/1.1 {status}"))
                && (status == 416 || head.contains("Accept-Ranges: bytes"))
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

    #[test]
    fn connections_without_requests_keep_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.html"), "front").unwrap();
        let server = Server::start(folder.path(), "/", 0).unwrap();
        let silent: Vec<_> = (0..32)
            .map(|_| TcpStream::connect(server.address).unwrap())
            .collect();
        assert!(get(&server, "/").ends_with("front"));
        let address = server.address;
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "it still listens");
        drop(silent);
    }
}
