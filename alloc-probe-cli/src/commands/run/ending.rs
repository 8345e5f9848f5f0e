//! How a program ended, as far as it can be seen from outside.

use alloc_probe_format::dump::{Dump, Ended};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

/// How many bytes of a program's name the system keeps.
const NAME_BYTES: usize = 15;

/// The end of a program.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) status: ExitStatus,
    pid: u32,
    /// What the process was called last: a program that becomes another one takes on its name.
    name: Option<String>,
}

impl Ending {
    /// Waits for it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn of(child: &mut Child) -> io::Result<Ending> {
        let pid = child.id();
        // The process has its name until its status is taken.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(Pid::from_child(child)), ended), Err(rustix::io::Errno::INTR)) {}
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        let name = name.map(|name| name.trim_end_matches('\n').to_owned());
        Ok(Ending { status: child.wait()?, pid, name })
    }

    /// The status as shells have it: the program's own, or 128 and the number of the signal that ended it.
    pub(super) fn code(&self) -> u8 {
        let code = self.status.code().or_else(|| self.status.signal().map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(crate::exit::FAILURE)
    }

    /// Why there is only what was recorded until `left`, in a sentence.
    pub(super) fn without_dump(&self, left: &Dump) -> String {
        let status = described(self.status);
        let recorder = &left.process;
        if recorder.pid != self.pid {
            // The program that was started was a wrapper.
            let name = file_name(&recorder.executable);
            return format!(
                "process {} (`{name}`) ended without a dump, and the command with {status}",
                recorder.pid
            );
        }
        if self.status.signal().is_some() {
            return format!("{status} ended the program before it could write a dump");
        }
        match self.other_name(left) {
            Some(name) => format!(
                "the program seems to have become another one: it ended as `{name}` with {status}, and wrote no dump"
            ),
            None if recorder.ended == Ended::Exit => {
                format!("the program ended with {status}, but could not write a dump")
            }
            None => format!("the program ended at once with {status}, as by `_exit`, and wrote no dump"),
        }
    }

    /// The name that the process had last, where it is neither the program's nor its main thread's.
    fn other_name(&self, left: &Dump) -> Option<&str> {
        let name = self.name.as_deref()?;
        let cut = |name: &str| name.as_bytes()[..name.len().min(NAME_BYTES)].to_owned();
        let of_thread = left.threads.iter().filter(|thread| thread.tid.is_none_or(|tid| tid == self.pid));
        let known = of_thread.map(|thread| thread.name.as_str()).chain([file_name(&left.process.executable)]);
        let is_known = known.map(cut).any(|known| known == name.as_bytes());
        // The command's own name is that of a link, where it was started by one.
        let as_started = left.process.command.first().map(|command| cut(file_name(command)));
        let is_known = is_known || as_started.is_some_and(|known| known == name.as_bytes());
        (!is_known).then_some(name)
    }
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches(" (deleted)").rsplit('/').next().unwrap_or_default()
}

/// `exit status 3`, `signal 9 (SIGKILL)`.
pub(in crate::commands) fn described(status: ExitStatus) -> String {
    status.to_string().replace("exit status: ", "exit status ").replace("signal: ", "signal ")
}

/// A process that a program left behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Survivor {
    pub(super) pid: u32,
    pub(super) name: String,
}

/// The processes that have a variable from the program that was run, which they inherited: those that it started and
/// that go on. Those of other users can't be seen, and one that has changed its environment is not known.
pub(super) fn survivors(variable: &str, value: &OsStr) -> Vec<Survivor> {
    let wanted = [variable.as_bytes(), b"=", value.as_bytes()].concat();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let survivor = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted).then_some(())?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Some(Survivor { pid, name: name.trim_end_matches('\n').to_owned() })
    };
    pids.filter(|pid| *pid != std::process::id()).filter_map(survivor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Process, Thread};

    fn ending(status: i32, name: &str) -> Ending {
        Ending { status: ExitStatus::from_raw(status), pid: 7, name: Some(name.to_owned()) }
    }

    fn left(pid: u32, ended: Ended) -> Dump {
        let process = Process {
            pid,
            ended,
            executable: "/srv/bin/orders-of-yesterday".into(),
            command: vec!["./orders".into()],
            ..Process::default()
        };
        Dump {
            process,
            threads: vec![Thread { name: "boss".into(), ..Thread::default() }],
            ..Dump::default()
        }
    }

    #[test]
    fn the_status_is_the_programs() {
        for (status, code) in [(0, 0), (7 << 8, 7), (9, 137)] {
            assert_eq!(ending(status, "").code(), code);
        }
    }

    #[test]
    fn what_is_said_of_an_end_is_what_was_seen() {
        let said = |status, name, pid, ended| ending(status, name).without_dump(&left(pid, ended));
        let at_once = "the program ended at once with exit status 3, as by `_exit`, and wrote no dump";
        for name in ["orders-of-yeste", "orders", "boss"] {
            assert_eq!(said(3 << 8, name, 7, Ended::Killed), at_once);
        }
        let cases = [
            (
                9,
                "orders",
                7,
                Ended::Killed,
                "signal 9 (SIGKILL) ended the program before it could write a dump",
            ),
            (
                0,
                "true",
                7,
                Ended::Killed,
                "the program seems to have become another one: it ended as `true` with exit status 0, and wrote no dump",
            ),
            (0, "orders", 7, Ended::Exit, "the program ended with exit status 0, but could not write a dump"),
            (
                1 << 8,
                "sh",
                8,
                Ended::Killed,
                "process 8 (`orders-of-yesterday`) ended without a dump, and the command with exit status 1",
            ),
        ];
        for (status, name, pid, ended, expected) in cases {
            assert_eq!(said(status, name, pid, ended), expected);
        }
    }

    #[test]
    fn what_goes_on_is_found_by_what_it_inherited() {
        let value = format!("/tmp/odd.{}.json", std::process::id());
        assert_eq!(survivors("ALLOC_PROBE_TEST", OsStr::new(&value)), []);
        let mut child =
            std::process::Command::new("sleep").arg("60").env("ALLOC_PROBE_TEST", &value).spawn().unwrap();
        let found = loop {
            // Until it has become `sleep`, it has the environment of this process.
            let found = survivors("ALLOC_PROBE_TEST", OsStr::new(&value));
            if !found.is_empty() {
                break found;
            }
        };
        assert_eq!(found, [Survivor { pid: child.id(), name: "sleep".to_owned() }]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
