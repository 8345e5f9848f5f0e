//! Programs that are run and must not outlive this one: whatever interrupts it, or takes too long, ends them with all that
//! they started.

use crate::error::Error;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wait4::Wait4;

/// Waits for signals, and passes the bad news on.
#[derive(Debug)]
pub(super) struct Watch {
    state: Arc<Mutex<State>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    is_interrupted: bool,
    /// The groups of what runs, and what ends them.
    groups: Vec<(Pid, Signal)>,
}

/// A program that runs, in a group of its own.
#[derive(Debug)]
pub(super) struct Watched<'w> {
    child: Child,
    pid: Pid,
    watch: &'w Watch,
    started: Instant,
    started_unix_ns: u64,
    is_over: bool,
}

/// How a program ended, and what it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// From its start to its end.
    pub(super) wall: Duration,
    /// Of all processors together, in the program and in the system for it.
    pub(super) cpu: Duration,
    /// The most resident memory of it or of one that it waited for.
    pub(super) peak_rss_bytes: u64,
    /// When it was started, in nanoseconds since 1970.
    pub(super) started_unix_ns: u64,
    /// How long a service took to be ready.
    pub(super) ready: Option<Duration>,
    /// Whether it was ended because it took too long.
    pub(super) is_late: bool,
}

impl Watch {
    /// Begins. From here on, these signals end what runs and no longer this process: see [`Watch::check`].
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub(super) fn new() -> Result<Watch, Error> {
        let unwatched = |error: io::Error| Error::new(format!("cannot wait for signals: {error}"));
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]).map_err(unwatched)?;
        let handle = signals.handle();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for _ in signals.forever() {
                let mut state = lock(&shared);
                state.is_interrupted = true;
                for (group, signal) in &state.groups {
                    // A group that is gone needs no signal.
                    let _ = kill_process_group(*group, *signal);
                }
            }
        });
        Ok(Watch { state, handle, thread: Some(thread) })
    }

    /// Starts a program, to be ended by a signal where this one is interrupted.
    ///
    /// # Errors
    ///
    /// Where it can't be started, or an interruption came first.
    pub(super) fn start(&self, command: &mut Command, ended_by: Signal) -> io::Result<Watched<'_>> {
        let mut state = lock(&self.state);
        if state.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let started_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started = Instant::now();
        let child = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&child);
        state.groups.push((pid, ended_by));
        let started_unix_ns = u64::try_from(started_unix_ns.as_nanos()).unwrap_or(u64::MAX);
        Ok(Watched { child, pid, watch: self, started, started_unix_ns, is_over: false })
    }

    /// Goes on, if nothing has interrupted this program.
    ///
    /// # Errors
    ///
    /// Where something has.
    pub(super) fn check(&self) -> Result<(), Error> {
        match lock(&self.state).is_interrupted {
            true => Err(Error::new("interrupted")),
            false => Ok(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It does nothing that can panic.
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched<'_> {
    /// The program, for its pipes.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended already.
    pub(super) fn has_ended(&self) -> bool {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(waitid(WaitId::Pid(self.pid), ended), Ok(Some(_)))
    }

    /// Sends it a signal, and to nothing that it started.
    pub(super) fn signal(&self, signal: Signal) {
        // It has its number until its status is taken; one that is gone needs no signal.
        let _ = kill_process(self.pid, signal);
    }

    /// Waits for its end, which comes after so much time at the latest.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn wait(mut self, most: Option<Duration>) -> io::Result<Ended> {
        let is_late = AtomicBool::new(false);
        let pid = self.pid;
        std::thread::scope(|scope| {
            let (done, is_done) = channel::<()>();
            if let Some(most) = most {
                let is_late = &is_late;
                scope.spawn(move || {
                    if is_done.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
                        is_late.store(true, Ordering::Relaxed);
                        let _ = kill_process_group(pid, Signal::KILL);
                    }
                });
            }
            // The process keeps its number until its status is taken, so that no signal reaches another.
            wait_for_end(pid);
            drop(done);
        });
        let wall = self.started.elapsed();
        self.forget();
        let ended = self.child.wait4()?;
        Ok(Ended {
            status: ended.status,
            wall,
            cpu: ended.rusage.utime + ended.rusage.stime,
            peak_rss_bytes: ended.rusage.maxrss,
            started_unix_ns: self.started_unix_ns,
            ready: None,
            is_late: is_late.into_inner(),
        })
    }

    /// From here on no signal goes to its group.
    fn forget(&mut self) {
        self.is_over = true;
        lock(&self.watch.state).groups.retain(|(group, _)| *group != self.pid);
    }
}

fn wait_for_end(pid: Pid) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Nobody waits for it any more.
            let _ = kill_process_group(self.pid, Signal::KILL);
            wait_for_end(self.pid);
            self.forget();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_ended_with_all_it_started() {
        let watch = Watch::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 1000 & echo $! > {0}.part; mv {0}.part {0}; wait", pids.display());
        let watched = watch.start(Command::new("sh").args(["-c", &script]), Signal::KILL).unwrap();
        while !pids.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = watched.wait(Some(Duration::from_millis(1))).unwrap();
        assert!(ended.is_late && !ended.status.success());
        let sleeper = std::fs::read_to_string(&pids).unwrap();
        // It may be a zombie until init has taken its status.
        let is_gone = || {
            let status = std::fs::read_to_string(format!("/proc/{}/stat", sleeper.trim()));
            status.map_or(true, |status| {
                status.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z"))
            })
        };
        while !is_gone() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let quick = watch.start(&mut Command::new("true"), Signal::KILL).unwrap();
        let ended = quick.wait(Some(Duration::from_secs(1000))).unwrap();
        assert!(ended.status.success() && !ended.is_late && ended.peak_rss_bytes > 0);
        assert!(watch.check().is_ok());
    }
}
