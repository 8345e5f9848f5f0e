//! What takes long says so: on a terminal, and after half a second.

use super::{Terminal, text};
use std::io;
use std::time::{Duration, Instant};

/// What is done sooner needs no word.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line changes.
const PERIOD: Duration = Duration::from_millis(100);

/// One line on stderr that says what is under way, and goes when it is done.
pub struct Progress<'t, 'a> {
    terminal: &'t mut Terminal<'a>,
    started: Instant,
    last: Option<Instant>,
    /// Columns of the line that is there.
    shown: usize,
}

impl<'t, 'a> Progress<'t, 'a> {
    /// Begins now.
    pub fn new(terminal: &'t mut Terminal<'a>) -> Progress<'t, 'a> {
        Progress { terminal, started: Instant::now(), last: None, shown: 0 }
    }

    /// Shows what is under way, if it is time to.
    pub fn report(&mut self, message: impl FnOnce() -> String) {
        self.report_at(Instant::now(), message);
    }

    fn report_at(&mut self, now: Instant, message: impl FnOnce() -> String) {
        let is_due = now.duration_since(self.started) >= PATIENCE
            && self.last.is_none_or(|last| now.duration_since(last) >= PERIOD);
        if self.terminal.is_interactive && is_due {
            self.last = Some(now);
            let message = text::cut_end(&message(), self.terminal.width.saturating_sub(1));
            // Whoever closed stderr misses nothing.
            let _ = self.draw(&message);
        }
    }

    /// Removes the line.
    ///
    /// # Errors
    ///
    /// Those of stderr.
    pub fn finish(mut self) -> io::Result<()> {
        if self.shown > 0 {
            self.draw("")?;
            write!(self.terminal.err, "\r")?;
            self.terminal.err.flush()?;
        }
        Ok(())
    }

    /// Puts a line in the place of the one before, with no sequence that a terminal might not know.
    fn draw(&mut self, line: &str) -> io::Result<()> {
        let columns = text::width(line);
        let padding = self.shown.saturating_sub(columns);
        write!(self.terminal.err, "\r{line}{:padding$}", "")?;
        self.shown = columns;
        self.terminal.err.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is on stderr after reports so many milliseconds after the start.
    fn written(is_interactive: bool, reports: &[(u64, &str)]) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal { is_interactive, ..Terminal::plain(&mut out, &mut err, 40) };
        let mut progress = Progress::new(&mut terminal);
        let started = progress.started;
        for (after, message) in reports {
            progress.report_at(started + Duration::from_millis(*after), || (*message).to_owned());
        }
        progress.finish().unwrap();
        drop(terminal);
        String::from_utf8(err).unwrap()
    }

    #[test]
    fn what_is_quick_says_nothing() {
        assert_eq!(written(true, &[(0, "a"), (499, "b")]), "");
    }

    #[test]
    fn what_takes_long_is_one_line_that_goes() {
        let reports = [(499, "a"), (500, "half done"), (550, "b"), (600, "done"), (699, "c")];
        assert_eq!(written(true, &reports), "\rhalf done\rdone     \r    \r");
    }

    #[test]
    fn a_file_gets_no_progress() {
        assert_eq!(written(false, &[(10_000, "a")]), "");
    }
}
