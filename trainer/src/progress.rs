//! How far long work is: a bar in a terminal, a line now and then in a log.

use std::fmt::Debug;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// Time from one line of a log to the next.
const EVERY: Duration = Duration::from_secs(60);

/// A bar with a count, a rate and the time left.
pub fn bar(what: &str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    let (bar, shape) = if io::stderr().is_terminal() {
        (bar, "{bar:30} ")
    } else {
        let log = Box::new(Log::new(io::stderr(), EVERY));
        bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(log, 1));
        (bar, "")
    };
    let template =
        format!("{{prefix:>12}} {shape}{{pos}}/{{len}}  {{per_sec}}  {{eta}} left  {{msg}}");
    bar.with_style(
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
    .with_prefix(what.to_string())
}

/// A terminal whose last line is written to `out` where so much time has passed since the one
/// before.
#[derive(Debug)]
struct Log<W> {
    every: Duration,
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    out: W,
    line: String,
    since: Instant,
}

impl<W> Log<W> {
    fn new(out: W, every: Duration) -> Self {
        Self {
            every,
            state: Mutex::new(State {
                out,
                line: String::new(),
                since: Instant::now(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Debug + Send> TermLike for Log<W> {
    fn width(&self) -> u16 {
        160
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.state().line.push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        let line = std::mem::take(&mut state.line);
        let line = line.trim();
        if line.is_empty() || state.since.elapsed() < self.every {
            return Ok(());
        }
        state.since = Instant::now();
        writeln!(state.out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_now_and_then() -> io::Result<()> {
        let said = |every, draws: &[&str]| -> io::Result<String> {
            let log = Log::new(Vec::new(), every);
            for draw in draws {
                log.move_cursor_up(0)?;
                log.write_str("\r")?;
                log.write_str(draw)?;
                log.write_str("   ")?;
                log.flush()?;
            }
            let said = log.state().out.clone();
            Ok(String::from_utf8_lossy(&said).into_owned())
        };
        assert_eq!(said(Duration::ZERO, &["1/3", "", "2/3"])?, "1/3\n2/3\n");
        assert_eq!(said(EVERY, &["1/3", "2/3"])?, "");
        Ok(())
    }
}
