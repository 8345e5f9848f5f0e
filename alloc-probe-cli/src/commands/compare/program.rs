//! Runs the program that was built, to time it or to record it.

use super::cargo::Built;
use crate::commands::run::described;
use crate::error::{Error, io_reason};
use crate::load;
use crate::output_file::{self, Readers, Unfinished};
use alloc_probe_format::dump::Dump;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// Lines of a program's output that are shown where it fails.
const SHOWN_LINES: usize = 20;

/// A program with its arguments, and where its output goes.
#[derive(Debug)]
pub(super) struct Program<'a> {
    /// What is run.
    pub(super) built: &'a Built,
    /// Its arguments.
    pub(super) args: &'a [OsString],
    /// Where what it prints goes: that of its last run stays there.
    pub(super) log: PathBuf,
}

/// How long a run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// From its start to its end.
    pub(super) wall: Duration,
    /// Of all processors together, in the program and in the system for it.
    pub(super) cpu: Duration,
}

impl Program<'_> {
    /// Runs the program without recording.
    ///
    /// # Errors
    ///
    /// Where it can't be run or fails; then the end of what it printed goes to `err`.
    pub(super) fn time(&self, err: &mut dyn Write) -> Result<Timing, Error> {
        self.run("off", None, err)
    }

    /// Runs the program with recording, and gives its dump.
    ///
    /// # Errors
    ///
    /// Like [`Program::time`]; also where it leaves no sound dump.
    pub(super) fn record(&self, mode: &str, dump: &Path, err: &mut dyn Write) -> Result<Dump, Error> {
        // What an earlier comparison left must not be taken for this one's.
        output_file::remove_earlier(dump)?;
        self.run(mode, Some(dump), err)?;
        if !dump.exists() {
            return Err(Error::new(format!("`{}` left no dump", self.built.executable.display()))
                .with_hint("it must use alloc-probe: `alloc_probe::install!();` in its main.rs"));
        }
        load::load(dump)
    }

    fn run(&self, mode: &str, dump: Option<&Path>, err: &mut dyn Write) -> Result<Timing, Error> {
        let unwritable = |error| Error::write(&self.log, &error);
        let unfinished = Unfinished::new(&self.log, Readers::Usual).map_err(unwritable)?;
        let log = || unfinished.file.try_clone().map_err(unwritable);
        let mut command = Command::new(&self.built.executable);
        command.args(self.args).env("ALLOC_PROBE", mode).env_remove("ALLOC_PROBE_OUT");
        if let Some(dump) = dump {
            let absolute = std::path::absolute(dump).map_err(|error| Error::write(dump, &error))?;
            command.env("ALLOC_PROBE_OUT", crate::commands::run::as_pattern(&absolute));
        }
        // The same input for every run can only be none.
        command.stdin(Stdio::null()).stdout(log()?).stderr(log()?);
        let name = self.built.executable.display();
        let not_run = |error| Error::new(format!("cannot run `{name}`: {}", io_reason(&error)));
        let start = Instant::now();
        let ended = command.spawn().map_err(not_run)?.wait4().map_err(not_run)?;
        let wall = start.elapsed();
        unfinished.finish().map_err(unwritable)?;
        if !ended.status.success() {
            self.show_end_of_log(err)?;
            return Err(Error::new(format!(
                "`{name}` failed: {}; what it printed is in `{}`",
                described(ended.status),
                self.log.display()
            )));
        }
        Ok(Timing { wall, cpu: ended.rusage.utime + ended.rusage.stime })
    }

    fn show_end_of_log(&self, err: &mut dyn Write) -> Result<(), Error> {
        let text = fs::read(&self.log).map_err(|error| Error::read(&self.log, io_reason(&error)))?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            writeln!(err, "{line}")?;
        }
        Ok(())
    }
}

/// The middle one of several times: one slow run must not count.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let middle = times.len() / 2;
    match times.get(middle) {
        Some(upper) if times.len() % 2 == 0 => (times[middle - 1] + *upper) / 2,
        Some(middle) => *middle,
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let median_of = |times: &[u64]| median(times.iter().copied().map(Duration::from_millis).collect());
        assert_eq!(median_of(&[9, 1, 5]), Duration::from_millis(5));
        assert_eq!(median_of(&[9, 1, 5, 6]), Duration::from_micros(5500));
        assert_eq!(median_of(&[7]), Duration::from_millis(7));
        assert_eq!(median_of(&[]), Duration::ZERO);
    }
}
