//! Runs the program that was built, to time it or to record it.

use super::cargo::Built;
use super::driver::Driver;
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
    /// How long it may run.
    pub(super) timeout: Option<Duration>,
    /// What loads it, if it is a service.
    pub(super) driver: Option<Driver>,
    /// What ends it where this program is interrupted.
    pub(super) watch: &'a Watch,
}

impl Program<'_> {
    /// Runs the program without recording.
    ///
    /// # Errors
    ///
    /// Where it can't be run, fails, takes too long or is interrupted; then the end of what it printed goes to `err`.
    pub(super) fn time(&self, err: &mut dyn Write) -> Result<Ended, Error> {
        self.run("off", None, err)
    }

    /// Runs the program with recording, and gives its dump and how it ended; no dump where it left none.
    ///
    /// # Errors
    ///
    /// Like [`Program::time`]; also where its dump is not sound.
    pub(super) fn record(
        &self,
        mode: &str,
        dump: &Path,
        err: &mut dyn Write,
    ) -> Result<(Option<Dump>, Ended), Error> {
        // What an earlier comparison left must not be taken for this one's.
        output_file::remove_earlier(dump)?;
        let ended = self.run(mode, Some(dump), err).inspect_err(|_| {
            // What it recorded until it was ended is of no use to anybody.
            let mut spool = dump.as_os_str().to_owned();
            spool.push(".spool");
            let _ = output_file::remove_earlier(Path::new(&spool));
        })?;
        let dump = if dump.exists() { Some(load::load(dump)?) } else { None };
        Ok((dump, ended))
    }

    fn run(&self, mode: &str, dump: Option<&Path>, err: &mut dyn Write) -> Result<Ended, Error> {
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
        let ended = match &self.driver {
            Some(driver) => driver.drive(running, &unfinished.file, self.timeout, self.watch),
            None => running.wait(self.timeout).map_err(not_run),
        };
        self.watch.check()?;
        unfinished.finish().map_err(unwritable)?;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                self.show_end_of_log(err)?;
                return Err(error);
            }
        };
        if ended.is_late && self.driver.is_some() {
            return Err(Error::new(format!("`{name}` did not end after SIGTERM, and was killed")));
        }
        if ended.is_late {
            self.show_end_of_log(err)?;
            let most = units::duration(self.timeout.map_or(0, |most| most.as_nanos() as u64));
            return Err(Error::new(format!(
                "`{name}` ran for more than {most} and was ended; what it printed is in `{}`",
                self.log.display()
            ))
            .with_hint("`--timeout` says how long it may run"));
        }
        // A service ends as it was told to.
        let is_told = self.driver.is_some() && ended.status.signal() == Some(SIGTERM);
        if !ended.status.success() && !is_told {
            self.show_end_of_log(err)?;
            return Err(Error::new(format!(
                "`{name}` failed: {}; what it printed is in `{}`",
                described(ended.status),
                self.log.display()
            )));
        }
        Ok(ended)
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
