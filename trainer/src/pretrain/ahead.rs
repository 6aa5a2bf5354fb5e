//! Batches that are prepared while a step computes.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, bail};

/// Batches of steps, from a thread of their own.
pub struct Ahead<T> {
    batches: Receiver<Result<T>>,
}

/// Batches ready before they are asked for: bounds the memory.
const READY: usize = 2;

impl<T: Send + 'static> Ahead<T> {
    /// Prepares the batches of `steps` in order.
    pub fn start(
        steps: Range<u64>,
        mut prepare: impl FnMut(u64) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (sender, batches) = sync_channel(READY);
        // Threads of their own: in the common pool the step would wait for whole pictures.
        let pool = rayon::ThreadPoolBuilder::new().build();
        let pool = pool.context("cannot start threads that draw pictures")?;
        let draw = move || {
            for step in steps {
                let batch = prepare(step);
                let failed = batch.is_err();
                // An error of `send` means that the loop has ended; so does this thread.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        };
        std::thread::spawn(move || pool.install(draw));
        Ok(Self { batches })
    }

    /// The next batch.
    pub fn next(&self) -> Result<T> {
        match self.batches.recv() {
            Ok(batch) => batch,
            Err(_) => bail!("the thread that draws pictures has stopped"),
        }
    }
}
