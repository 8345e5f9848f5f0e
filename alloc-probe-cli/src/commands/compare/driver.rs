//! Services: a command that loads the program once it is ready, and whose end is the end of the run.

use crate::commands::run::described;
use crate::commands::watch::{Ended, Watch, Watched};
use crate::error::{Error, io_reason};
use crate::load::process::has_passed;
use crate::output_file::{Readers, Unfinished};
use rustix::process::Signal;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How a service says that it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It accepts connections at this port of the loopback address.
    Port(u16),
    /// It prints this.
    Line(String),
    /// It passes this mark.
    Mark(String),
}

impl FromStr for Ready {
    type Err = String;

    fn from_str(text: &str) -> Result<Ready, String> {
        match text.split_once('=') {
            Some(("port", port)) if port != "0" => {
                port.parse().map(Ready::Port).map_err(|error| error.to_string())
            }
            Some(("line", line)) if !line.is_empty() => Ok(Ready::Line(line.to_owned())),
            Some(("mark", mark)) if !mark.is_empty() => Ok(Ready::Mark(mark.to_owned())),
            _ => Err("write it like port=8080, line='listening on' or mark=ready".to_owned()),
        }
    }
}

/// What loads a service.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    /// For a shell.
    pub(super) command: String,
    pub(super) ready: Ready,
    /// Where what it prints goes.
    pub(super) log: PathBuf,
}

/// How often a service is asked whether it is ready. To look at its marks takes it some time of a processor.
const PERIOD: Duration = Duration::from_millis(2);
const PERIOD_OF_MARKS: Duration = Duration::from_millis(10);

/// How long a service may take to be ready where nothing else was said, and how long to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a service that was loaded ended: where something went wrong, with what.
pub(super) struct Driven {
    pub(super) ended: Ended,
    pub(super) failure: Option<String>,
}

impl Driver {
    /// Makes sure that nobody else answers in the service's place.
    ///
    /// # Errors
    ///
    /// Where its port is taken.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.ready {
            Ready::Port(port) if accepts(port) => {
                Err(Error::new(format!("port {port} answers before the program is started")))
            }
            _ => Ok(()),
        }
    }

    /// Waits for a service, loads it, and ends it by SIGTERM. Gives its end: the time is the driver's, and there is the time
    /// that it took to be ready.
    ///
    /// # Errors
    ///
    /// Where the driver can't be run, or this program is interrupted.
    pub(super) fn drive(
        &self,
        service: Watched<'_>,
        output: &File,
        most: Option<Duration>,
        watch: &Watch,
    ) -> Result<Driven, Error> {
        let not_run = |error| Error::new(format!("cannot run `{}`: {}", self.command, io_reason(&error)));
        let ready = match self.wait(&service, output, most.unwrap_or(PATIENCE), watch)? {
            Ok(ready) => ready,
            Err(failure) => {
                service.signal(Signal::KILL);
                let ended = service.wait(None).map_err(not_run)?;
                return Ok(Driven { ended, failure: Some(failure) });
            }
        };
        let unwritable = |error| Error::write(&self.log, &error);
        let log = Unfinished::new(&self.log, Readers::Usual).map_err(unwritable)?;
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::null());
        command
            .stdout(log.file.try_clone().map_err(unwritable)?)
            .stderr(log.file.try_clone().map_err(unwritable)?);
        let driven = watch.start(&mut command, Signal::KILL).map_err(not_run)?.wait(most).map_err(not_run)?;
        watch.check()?;
        log.finish().map_err(unwritable)?;
        service.signal(Signal::TERM);
        let ended = service.wait(Some(PATIENCE)).map_err(not_run)?;
        let failure = if driven.is_late || !driven.status.success() {
            let how = if driven.is_late { "takes too long".to_owned() } else { described(driven.status) };
            let (command, log) = (&self.command, self.log.display());
            Some(format!("the driver `{command}` failed: {how}; what it printed is in `{log}`"))
        } else if ended.is_late {
            Some("the program did not end after SIGTERM, and was killed".to_owned())
        } else {
            None
        };
        Ok(Driven { ended: Ended { wall: driven.wall, ready: Some(ready), ..ended }, failure })
    }

    /// How long the service took to be ready, or why it is not.
    fn wait(
        &self,
        service: &Watched<'_>,
        output: &File,
        most: Duration,
        watch: &Watch,
    ) -> Result<Result<Duration, String>, Error> {
        let started = Instant::now();
        let (what, period) = match &self.ready {
            Ready::Port(port) => (format!("accepts connections at port {port}"), PERIOD),
            Ready::Line(line) => (format!("prints `{line}`"), PERIOD),
            Ready::Mark(mark) => (format!("passes the mark `{mark}`"), PERIOD_OF_MARKS),
        };
        loop {
            watch.check()?;
            // Before the question: what it did last, it did before its end.
            let has_ended = service.has_ended();
            if self.is_ready(service, output) {
                return Ok(Ok(started.elapsed()));
            }
            if has_ended {
                return Ok(Err(format!("the program ended before it {what}")));
            }
            if started.elapsed() > most {
                return Ok(Err(format!("the program was not ready in time: nothing showed that it {what}")));
            }
            std::thread::sleep(period);
        }
    }

    fn is_ready(&self, service: &Watched<'_>, output: &File) -> bool {
        match &self.ready {
            Ready::Port(port) => accepts(*port),
            Ready::Line(line) => text(output).is_some_and(|text| text.contains(line)),
            Ready::Mark(mark) => has_passed(service.id(), mark),
        }
    }
}

/// What is in a file that is open for writing only, without moving anybody's place in it.
fn text(output: &File) -> Option<String> {
    let file = File::open(format!("/proc/self/fd/{}", output.as_raw_fd())).ok()?;
    let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
    // A line that says so comes early.
    let mut bytes = vec![0; length.min(1 << 20)];
    let read = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(&bytes[..read]).into_owned())
}

fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_by_a_port_or_a_line() {
        assert_eq!("port=8080".parse(), Ok(Ready::Port(8080)));
        assert_eq!("line=a=b c".parse(), Ok(Ready::Line("a=b c".to_owned())));
        assert_eq!("mark=ready".parse(), Ok(Ready::Mark("ready".to_owned())));
        for wrong in ["", "port", "port=", "port=0", "port=70000", "line=", "mark=", "ready"] {
            assert!(wrong.parse::<Ready>().is_err(), "{wrong}");
        }
    }
}
