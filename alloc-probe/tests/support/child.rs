//! Running a scenario in a child process, and looking at what it leaves.

use alloc_probe_format::dump::Dump;
use alloc_probe_format::spool_file::SpoolFile;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a scenario may take before it counts as hanging. Far beyond what any takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// How the C library numbers limits.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// A scenario to be run.
pub(crate) struct Child {
    command: Command,
    folder: TempDir,
}

/// A scenario that runs.
pub(crate) struct Running {
    process: Process,
    folder: TempDir,
}

/// What it left.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) pid: u32,
    folder: TempDir,
}

impl Child {
    /// A scenario of the file whose check this is, under `ALLOC_PROBE=mode`, with `out.json` in a folder of its own as its output path, and no other
    /// variable of the probe's.
    pub(crate) fn new(scenario: &str, mode: &str) -> Child {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("the test's own path"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALLOC_PROBE"))
        {
            command.env_remove(name);
        }
        let scenario = format!("{}::{scenario}", super::FILE.get());
        command.env(super::SCENARIO.to_str().expect("ASCII"), scenario);
        command.env("ALLOC_PROBE", mode).env("ALLOC_PROBE_OUT", folder.path().join("out.json"));
        command.current_dir(folder.path());
        Child { command, folder }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Child {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Child {
        self.command.env_remove(name);
        self
    }

    /// Has the child call `f` before it becomes the scenario.
    ///
    /// # Safety
    ///
    /// As for [`CommandExt::pre_exec`]: no more than what is async-signal-safe.
    pub(crate) unsafe fn before(
        mut self,
        f: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Child {
        // SAFETY: by the contract.
        unsafe { self.command.pre_exec(f) };
        self
    }

    /// A limit of the child's.
    pub(crate) fn limit(self, resource: Resource, value: u64) -> Child {
        let set = move || {
            let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
            // SAFETY: the limit is a valid place to read from.
            match unsafe { libc::setrlimit(resource, &limit) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: it makes one system call.
        unsafe { self.before(set) }
    }

    /// The folder where the child runs and its dump goes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn start(self) -> Running {
        self.try_start().expect("the scenario starts")
    }

    /// Starts it, if what comes before succeeds.
    pub(crate) fn try_start(mut self) -> Option<Running> {
        let file = |name: &str| File::create(self.folder.path().join(name)).expect("a file");
        self.command.stdin(std::process::Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        Some(Running { process: self.command.spawn().ok()?, folder: self.folder })
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Runs it to an end that must be with success.
    pub(crate) fn succeed(self) -> Outcome {
        let outcome = self.run();
        assert!(outcome.status.success(), "{}: {}", outcome.status, outcome.stderr());
        outcome
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the scenario has told something by that name.
    pub(crate) fn wait_for(&mut self, name: &str) {
        let start = Instant::now();
        while told(self.folder.path()).iter().all(|(told, _)| told != name) {
            assert!(self.process.try_wait().expect("a child").is_none(), "it ended before it told `{name}`");
            assert!(start.elapsed() < PATIENCE, "it never told `{name}`");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends the scenario a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: it has no preconditions; the process is a child that was not waited for.
        assert_eq!(unsafe { libc::kill(self.pid() as i32, signal) }, 0);
    }

    /// The folder where it runs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn kill(mut self) -> Outcome {
        self.process.kill().expect("a child");
        self.wait()
    }

    pub(crate) fn wait(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let _ = self.process.kill();
                panic!("the scenario hangs");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Outcome { status, pid: self.process.id(), folder: self.folder }
    }
}

impl Outcome {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).expect("the child's stderr")
    }

    /// What the probe said.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.stderr().lines().filter(|line| line.starts_with("alloc-probe: ")).map(str::to_owned).collect()
    }

    /// The figure that the scenario told last by that name.
    pub(crate) fn told(&self, name: &str) -> u64 {
        let last = self.all_told(name).last().copied();
        last.unwrap_or_else(|| panic!("`{name}` was not told: {}", self.stderr()))
    }

    /// All figures that were told by that name.
    pub(crate) fn all_told(&self, name: &str) -> Vec<u64> {
        told(self.folder.path())
            .into_iter()
            .filter(|(told, _)| told == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// The files that it left, but for the streams', by name.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the child's folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.retain(|name| name != "stdout" && name != "stderr");
        names.sort();
        names
    }

    /// The dump `out.json`, which must be all that it left.
    pub(crate) fn dump(&self) -> Dump {
        assert_eq!(self.files(), ["out.json"], "{}", self.stderr());
        self.dump_named("out.json")
    }

    pub(crate) fn dump_named(&self, name: &str) -> Dump {
        let text = fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The dump that its spool holds.
    pub(crate) fn spool(&self) -> Dump {
        self.spool_named("out.json.spool")
    }

    pub(crate) fn spool_named(&self, name: &str) -> Dump {
        let bytes = fs::read(self.path(name)).expect("the spool");
        SpoolFile::parse(&bytes).expect("a spool").dump()
    }
}

fn told(folder: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(folder.join("stdout")).unwrap_or_default();
    let line = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}
