//! Running other programs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// Cargo as it runs this program, in the repository's root.
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(paths::root());
    command
}

/// The command as one would type it.
pub fn show(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("{program} {}", show_arguments(command))
}

/// The command's arguments as one would type them.
pub fn show_arguments(command: &Command) -> String {
    let quote = |part: &OsStr| {
        let part = part.to_string_lossy();
        if part.contains([' ', '"', '*']) {
            format!("'{part}'")
        } else {
            part.into_owned()
        }
    };
    let parts: Vec<String> = command.get_args().map(quote).collect();
    parts.join(" ")
}

/// Runs a command with this program's own input and output; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let line = show(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns what it prints on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let line = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command for `limit` at most, then ends it.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let line = show(command);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("`{line}` failed ({status})");
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            bail!("`{line}` took longer than {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Runs a command, passes its output on, and returns the lines that `keep` accepts.
pub fn run_keeping(
    command: &mut Command,
    keep: impl Fn(&str) -> bool + Sync,
) -> Result<Vec<String>, KeptError> {
    let line = show(command);
    let kept = Mutex::new(Vec::new());
    let result = (|| {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            if let Some(out) = out {
                scope.spawn(|| pass_on(out, std::io::stdout(), &keep, &kept));
            }
            if let Some(err) = err {
                scope.spawn(|| pass_on(err, std::io::stderr(), &keep, &kept));
            }
        });
        let status = child.wait()?;
        if !status.success() {
            bail!("`{line}` failed ({status})");
        }
        Ok(())
    })();
    let kept = kept.into_inner().unwrap_or_default();
    match result {
        Ok(()) => Ok(kept),
        Err(error) => Err(KeptError { error, kept }),
    }
}

/// A command that failed, and the lines kept from it.
#[derive(Debug)]
pub struct KeptError {
    /// Why it failed.
    pub error: anyhow::Error,
    /// What it said of itself before.
    pub kept: Vec<String>,
}

fn pass_on(
    from: impl Read,
    mut to: impl Write,
    keep: &(impl Fn(&str) -> bool + Sync),
    kept: &Mutex<Vec<String>>,
) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to end the program that is running.
        let _ = writeln!(to, "{line}");
        if keep(&line)
            && let Ok(mut kept) = kept.lock()
        {
            kept.push(line.trim().to_string());
        }
    }
}
