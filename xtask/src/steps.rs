//! Long jobs as numbered steps with estimates and measured times.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Announces and times the steps of a job.
pub struct Steps {
    total: usize,
    done: usize,
    started: Instant,
}

impl Steps {
    /// A job of `total` steps.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            done: 0,
            started: Instant::now(),
        }
    }

    /// Runs one step. `estimate` completes "about ...", such as "2 min".
    pub fn run<T>(
        &mut self,
        name: &str,
        estimate: &str,
        step: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.done += 1;
        let place = format!("[{}/{}]", self.done, self.total);
        println!("\n{place} {name} (about {estimate})");
        let started = Instant::now();
        let value = step().with_context(|| format!("step {place} failed: {name}"))?;
        println!("{place} done in {}", Elapsed(started.elapsed()));
        Ok(value)
    }

    /// Time since the job began.
    pub fn elapsed(&self) -> Elapsed {
        Elapsed(self.started.elapsed())
    }
}

/// A time for people: "0.4 s", "12 s", "3 min 5 s".
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..10 => write!(f, "{:.1} s", self.0.as_secs_f32()),
            seconds @ 10..60 => write!(f, "{seconds} s"),
            seconds => write!(f, "{} min {} s", seconds / 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let shown = |seconds| Elapsed(Duration::from_secs_f32(seconds)).to_string();
        assert_eq!(shown(0.44), "0.4 s");
        assert_eq!(shown(12.9), "12 s");
        assert_eq!(shown(185.0), "3 min 5 s");
    }
}
