//! One run of a subject: its dump, the reference's figures, and what it printed.

use crate::binaries::{self, Profile};
use alloc_probe_format::dump::{Dump, Mode};
use alloc_probe_tests::reference::Snapshot;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A subject about to run.
#[derive(Clone)]
pub(crate) struct Subject {
    program: &'static str,
    profile: Profile,
    mode: Mode,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Subject {
    /// A subject in a profile and a mode. Those with allocators of their own are programs of their own.
    pub(crate) fn new(name: &'static str, profile: Profile, mode: Mode) -> Subject {
        match name {
            "jemalloc" | "mimalloc" => Subject::of(name, profile, mode),
            _ => Subject::of("subjects", profile, mode).argument(name),
        }
    }

    /// A subject of a program with another global allocator: the arguments have to name it, unless it is the only one.
    pub(crate) fn of(program: &'static str, profile: Profile, mode: Mode) -> Subject {
        Subject { program, profile, mode, arguments: Vec::new(), variables: Vec::new() }
    }

    /// With one more argument.
    pub(crate) fn argument(mut self, argument: impl Into<OsString>) -> Subject {
        self.arguments.push(argument.into());
        self
    }

    /// With one more environment variable.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Subject {
        self.variables.push((name, value.into()));
        self
    }

    /// The command, with only the variables given: nothing that is set outside can change the outcome.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(binaries::subject(self.program, self.profile));
        command
            .env_clear()
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it, and reads what it left behind.
    pub(crate) fn run(self) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [dump, reference] = ["dump.json", "reference.json"].map(|name| folder.path().join(name));
        let output = self
            .command()
            .env("ALLOC_PROBE", mode_name(self.mode))
            .env("ALLOC_PROBE_OUT", &dump)
            .env("REFERENCE_OUT", &reference)
            .output()
            .unwrap_or_else(|error| panic!("{self}: {error}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Run {
            dump: read(&dump).unwrap_or_else(|error| panic!("{self}: no dump: {error}\n{text}")),
            reference: read(&reference)
                .unwrap_or_else(|error| panic!("{self}: no reference: {error}\n{text}")),
            output,
            subject: self,
            folder,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { program, arguments, profile, mode, .. } = self;
        write!(f, "{program} {arguments:?} ({profile:?}, {mode:?})")
    }
}

/// What a run has shown.
pub(crate) struct Run {
    /// What ran.
    pub(crate) subject: Subject,
    /// The dump that it wrote at its end.
    pub(crate) dump: Dump,
    /// The figures of the reference at the same time.
    pub(crate) reference: Snapshot,
    /// Its status and output.
    pub(crate) output: Output,
    folder: TempDir,
}

impl Run {
    /// The profile of the build.
    pub(crate) fn profile(&self) -> Profile {
        self.subject.profile
    }

    /// How much was recorded.
    pub(crate) fn mode(&self) -> Mode {
        self.subject.mode
    }

    /// Where the dump lies for as long as this run is kept.
    pub(crate) fn dump_path(&self) -> PathBuf {
        self.folder.path().join("dump.json")
    }

    /// The text of the dump.
    pub(crate) fn dump_text(&self) -> String {
        fs::read_to_string(self.dump_path()).expect("the dump has been read before")
    }

    /// What it printed.
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.output.stdout).expect("subjects print text")
    }

    /// Fails unless it ended well.
    pub(crate) fn expect_success(self) -> Run {
        let messages = String::from_utf8_lossy(&self.output.stderr);
        assert!(self.output.status.success(), "{}: {}\n{messages}", self.subject, self.output.status);
        self
    }
}

/// What `ALLOC_PROBE` calls a mode.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Count => "count",
        Mode::Sample => "sample",
        Mode::Full => "full",
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Box<dyn std::error::Error>> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}
