//! Services: a command that loads the program once it is ready, and whose end is the end of the run.

use crate::commands::run::described;
use crate::commands::watch::{Ended, Watch, Watched};
use crate::error::{Error, io_reason};
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
}

impl FromStr for Ready {
    type Err = String;

    fn from_str(text: &str) -> Result<Ready, String> {
        match text.split_once('=') {
            Some(("port", port)) if port != "0" => {
                port.parse().map(Ready::Port).map_err(|error| error.to_string())
            }
            Some(("line", line)) if !line.is_empty() => Ok(Ready::Line(line.to_owned())),
            _ => Err("write it like port=8080 or line='listening on'".to_owned()),
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

/// How often a service is asked whether it is ready.
const PERIOD: Duration = Duration::from_millis(2);

/// How long a service may take to be ready where nothing else was said, and how long to end.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// Where the service is not ready in time, or the driver fails or takes too long.
    pub(super) fn drive(
        &self,
        service: Watched<'_>,
        output: &File,
        most: Option<Duration>,
        watch: &Watch,
    ) -> Result<Ended, Error> {
        let ready = self.wait(&service, output, most.unwrap_or(PATIENCE), watch)?;
        let unwritable = |error| Error::write(&self.log, &error);
        let log = Unfinished::new(&self.log, Readers::Usual).map_err(unwritable)?;
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::null());
        command
            .stdout(log.file.try_clone().map_err(unwritable)?)
            .stderr(log.file.try_clone().map_err(unwritable)?);
        let not_run = |error| Error::new(format!("cannot run `{}`: {}", self.command, io_reason(&error)));
        let driven = watch.start(&mut command, Signal::KILL).map_err(not_run)?.wait(most).map_err(not_run)?;
        watch.check()?;
        log.finish().map_err(unwritable)?;
        if driven.is_late || !driven.status.success() {
            let how = if driven.is_late { "takes too long".to_owned() } else { described(driven.status) };
            return Err(Error::new(format!(
                "the driver `{}` failed: {how}; what it printed is in `{}`",
                self.command,
                self.log.display()
            )));
        }
        service.signal(Signal::TERM);
        let ended = service.wait(Some(PATIENCE)).map_err(not_run)?;
        Ok(Ended { wall: driven.wall, ready: Some(ready), ..ended })
    }

    fn wait(
        &self,
        service: &Watched<'_>,
        output: &File,
        most: Duration,
        watch: &Watch,
    ) -> Result<Duration, Error> {
        let started = Instant::now();
        let what = match &self.ready {
            Ready::Port(port) => format!("accepts connections at port {port}"),
            Ready::Line(line) => format!("prints `{line}`"),
        };
        loop {
            watch.check()?;
            if self.is_ready(output) {
                return Ok(started.elapsed());
            }
            if service.has_ended() {
                return Err(Error::new(format!("the program ended before it {what}")));
            }
            if started.elapsed() > most {
                return Err(Error::new(format!(
                    "the program was not ready in time: nothing showed that it {what}"
                )));
            }
            std::thread::sleep(PERIOD);
        }
    }

    fn is_ready(&self, output: &File) -> bool {
        match &self.ready {
            Ready::Port(port) => accepts(*port),
            Ready::Line(line) => text(output).is_some_and(|text| text.contains(line)),
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
        for wrong in ["", "port", "port=", "port=0", "port=70000", "line=", "mark=ready"] {
            assert!(wrong.parse::<Ready>().is_err(), "{wrong}");
        }
    }
}
