//! Ctrl-C and SIGTERM: work is finished up to a point from which it can go on; a second one
//! ends the program at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};

/// Signals heard since the program listens.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// What shells expect of a program that was stopped by Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// From now on, signals only ask: [`requested`] tells. `until` names the point that work
/// goes on to, as the user is told.
pub fn listen(until: &'static str) -> Result<()> {
    static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
    let set = HANDLER.get_or_init(|| {
        ctrlc::set_handler(move || {
            if SIGNALS.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(EXIT_CODE.into());
            }
            eprintln!("\nstopping at the end of this {until}; once more to stop at once");
        })
        .map_err(|error| error.to_string())
    });
    set.clone()
        .map_err(|error| anyhow!("cannot listen for Ctrl-C: {error}"))
}

/// Whether the user wants the work to stop.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

/// The user has stopped the work; nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("stopped after {after}; {go_on}")]
pub struct Stopped {
    /// What was done and kept.
    pub after: String,
    /// How to go on from there.
    pub go_on: String,
}
