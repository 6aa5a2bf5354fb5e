//! Ctrl-C and SIGTERM: the step is finished and the run saved; a second one ends it at once.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};

/// Signals heard since a run began.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// What shells expect of a program that was stopped by Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// From now on, waits for the end of the step.
pub fn listen() -> Result<()> {
    static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
    let set = HANDLER.get_or_init(|| {
        ctrlc::set_handler(|| {
            if SIGNALS.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(EXIT_CODE.into());
            }
            eprintln!("\nstopping at the end of this step; once more to stop at once");
        })
        .map_err(|error| error.to_string())
    });
    set.clone()
        .map_err(|error| anyhow!("cannot listen for Ctrl-C: {error}"))
}

/// Whether the user wants the run to stop.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

/// The user has stopped a run; nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("stopped after step {step}; {}", self.resume())]
pub struct Stopped {
    /// Steps done and saved.
    pub step: u64,
    /// The run; none where another process keeps it.
    pub run: Option<PathBuf>,
}

impl Stopped {
    fn resume(&self) -> String {
        match &self.run {
            Some(run) => format!("go on with: trainer train --resume {}", run.display()),
            None => "node 0 has saved the run".to_string(),
        }
    }
}
