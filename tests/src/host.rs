//! A static host that a test can break: its answers with weights end where the test says.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// The only large file of a model.
const WEIGHTS: &str = "model.safetensors";

/// A running host. It serves until the test's program ends.
pub struct Host {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Bytes of weights after which connections break.
    end: Option<usize>,
    /// First byte that every request for weights asked for; none where it was the whole file.
    asked: Vec<Option<usize>>,
}

impl Host {
    /// Serves a folder on a free port of this machine.
    pub fn start(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::<Mutex<Shared>>::default();
        let (known, folder) = (shared.clone(), folder.to_path_buf());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, folder) = (known.clone(), folder.clone());
                // A browser opens connections that it does not use yet.
                thread::spawn(move || answer(stream, &folder, &known));
            }
        });
        Ok(Self { address, shared })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where the weights of all models end from now on; none: where they do.
    pub fn end_weights_at(&self, end: Option<usize>) {
        lock(&self.shared).end = end;
    }

    /// Requests for weights since this was last asked: the first byte of each that was one for
    /// a part.
    pub fn asked_for_weights(&self) -> Vec<Option<usize>> {
        std::mem::take(&mut lock(&self.shared).asked)
    }
}

/// A failed connection leaves nothing half done.
fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, folder: &Path, shared: &Mutex<Shared>) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut start = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let file = file(folder, path);
    let Ok(content) = fs::read(&file) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    };
    let mut end = content.len();
    if file.ends_with(WEIGHTS) {
        let mut shared = lock(shared);
        shared.asked.push(start);
        end = shared.end.unwrap_or(end).min(end);
    }
    let begin = start.unwrap_or(0).min(content.len());
    let (status, range) = match start {
        None => ("200 OK", String::new()),
        Some(start) => {
            let (last, all) = (content.len() - 1, content.len());
            let range = format!("Content-Range: bytes {start}-{last}/{all}\r\n");
            ("206 Partial Content", range)
        }
    };
    let kind = mime(&file);
    let length = content.len() - begin;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{range}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&content[begin.min(end)..end])?;
    if end < content.len() {
        // Once it is broken, a browser gives away what it has not handed on yet.
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

fn file(folder: &Path, path: &str) -> PathBuf {
    match path.trim_start_matches('/') {
        "" => folder.join("index.html"),
        path => folder.join(path),
    }
}

fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
