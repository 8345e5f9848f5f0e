//! Runs the program that was built, to time it or to record it.

use super::cargo::Built;
use super::driver::{Driven, Driver, Ready};
use crate::commands::run::described;
use crate::commands::watch::{Ended, Watch};
use crate::error::{Error, io_reason};
use crate::load;
use crate::output_file::{self, Readers, Unfinished};
use crate::units;
use alloc_probe_format::dump::Dump;
use rustix::process::Signal;
use signal_hook::consts::SIGTERM;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

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
    /// Where the dump of a run that only counts is for a moment.
    pub(super) counts: PathBuf,
    /// How long it may run.
    pub(super) timeout: Option<Duration>,
    /// What loads it, if it is a service.
    pub(super) driver: Option<Driver>,
    /// What ends it where this program is interrupted.
    pub(super) watch: &'a Watch,
}

/// A run of a program.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) ended: Ended,
    /// What went wrong, in a sentence.
    pub(super) failure: Option<String>,
    /// Whether it took its own time: nobody ended it, and nothing went wrong beside it.
    pub(super) has_times: bool,
}

impl Program<'_> {
    /// Runs the program without recording. Where a mark says when a service is ready, it counts.
    ///
    /// # Errors
    ///
    /// Where it can't be run or is interrupted.
    pub(super) fn time(&self) -> Result<Run, Error> {
        let Some(Ready::Mark(name)) = self.driver.as_ref().map(|driver| &driver.ready) else {
            return self.run("off", None);
        };
        let (dump, mut run) = self.record("count", &self.counts)?;
        output_file::remove_earlier(&self.counts)?;
        let ready = dump.and_then(|dump| since_start(&dump, &run.ended, name));
        run.ended.ready = ready.map(Duration::from_nanos).or(run.ended.ready);
        Ok(run)
    }

    /// Runs the program to count, and gives its dump. Leaves no file.
    ///
    /// # Errors
    ///
    /// Like [`Program::record`].
    pub(super) fn count(&self) -> Result<(Option<Dump>, Run), Error> {
        let counted = self.record("count", &self.counts)?;
        output_file::remove_earlier(&self.counts)?;
        Ok(counted)
    }

    /// Runs the program with recording, and gives its dump and how it ended; no dump where it left none.
    ///
    /// # Errors
    ///
    /// Like [`Program::time`]; also where its dump is not sound.
    pub(super) fn record(&self, mode: &str, dump: &Path) -> Result<(Option<Dump>, Run), Error> {
        // What an earlier comparison left must not be taken for this one's.
        output_file::remove_earlier(dump)?;
        let run = self.run(mode, Some(dump));
        // What it recorded until it was ended is of no use to anybody.
        let mut spool = dump.as_os_str().to_owned();
        spool.push(".spool");
        let _ = output_file::remove_earlier(Path::new(&spool));
        let run = run?;
        let dump = if dump.exists() { Some(load::load(dump)?) } else { None };
        Ok((dump, run))
    }

    fn run(&self, mode: &str, dump: Option<&Path>) -> Result<Run, Error> {
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
        self.watch.check()?;
        if let Some(driver) = &self.driver {
            driver.check()?;
        }
        let running = self.watch.start(&mut command, Signal::KILL).map_err(not_run)?;
        let driven = match &self.driver {
            Some(driver) => driver.drive(running, &unfinished.file, self.timeout, self.watch),
            None => running.wait(self.timeout).map_err(not_run).map(|ended| Driven { ended, failure: None }),
        };
        self.watch.check()?;
        unfinished.finish().map_err(unwritable)?;
        let Driven { ended, failure } = driven?;
        let log = self.log.display();
        if let Some(failure) = failure {
            return Ok(Run { ended, failure: Some(failure), has_times: false });
        }
        if ended.is_late {
            let most = units::duration(self.timeout.map_or(0, |most| most.as_nanos() as u64));
            let failure =
                format!("`{name}` ran for more than {most} and was ended; what it printed is in `{log}`");
            return Ok(Run { ended, failure: Some(failure), has_times: false });
        }
        // A service ends as it was told to.
        let is_told = self.driver.is_some() && ended.status.signal() == Some(SIGTERM);
        let failure = (!ended.status.success() && !is_told)
            .then(|| format!("`{name}` failed: {}; what it printed is in `{log}`", described(ended.status)));
        Ok(Run { ended, failure, has_times: true })
    }

    /// The last lines that it printed.
    ///
    /// # Errors
    ///
    /// Where the file can't be read, or `err` not be written.
    pub(super) fn show_end_of_log(&self, err: &mut dyn Write) -> Result<(), Error> {
        let text = fs::read(&self.log).map_err(|error| Error::read(&self.log, io_reason(&error)))?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            writeln!(err, "{line}")?;
        }
        Ok(())
    }
}

/// The time from the start of a run to when it first passed a mark; none where it did not.
pub(super) fn since_start(dump: &Dump, ended: &Ended, name: &str) -> Option<u64> {
    let mark = dump.marks.iter().find(|mark| mark.name == name)?;
    Some(to_first_allocation(dump, ended) + mark.first_ns)
}

/// The time from the start of a run to its first allocation.
pub(super) fn to_first_allocation(dump: &Dump, ended: &Ended) -> u64 {
    dump.process.start_unix_ns.saturating_sub(ended.started_unix_ns)
}
