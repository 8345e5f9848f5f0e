//! Programs whose every stack is checked as it's taken, and one of them, `call_trees`, built in the ways that change
//! frames.

use crate::cargo::{cargo, run, target};
use alloc_probe_format::dump::Dump;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Link-time optimisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lto {
    Off,
    Thin,
    Fat,
}

/// A way of building `call_trees`.
///
/// What differs is how the program itself is compiled, with the generic code of its dependencies and of the standard
/// library: these are the frames that its stacks have. Its dependencies are compiled only twice, with and without
/// link-time optimisation, or all builds would take an hour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    pub(crate) opt_level: &'static str,
    pub(crate) frame_pointers: bool,
    pub(crate) lto: Lto,
    /// Whether the linker leaves gaps between the segments of the executable. It may do so anyway.
    pub(crate) gaps: bool,
}

impl Build {
    /// Every optimisation level, with and without frame pointers, with this kind of link-time optimisation.
    pub(crate) fn all(lto: Lto) -> impl Iterator<Item = Build> {
        ["0", "1", "2", "3", "s", "z"].into_iter().flat_map(move |opt_level| {
            [false, true].map(|frame_pointers| Build { opt_level, frame_pointers, lto, gaps: false })
        })
    }

    /// Builds it, and has it check its stacks, of which it takes some thousands.
    pub(crate) fn check(self) {
        let checked = stacks_checked(&self.program(), &["10"]);
        assert!(checked > 5_000, "{self}: only {checked} stacks");
    }

    fn program(self) -> PathBuf {
        let folder = target().join("frames").join(self.to_string());
        let mut cargo = cargo("rustc", &folder);
        cargo.args(["--package", "alloc-probe-call-trees", "--features", "checked-stacks", "--release"]);
        if self.lto != Lto::Off {
            cargo.args(["--config", "profile.release.lto = 'fat'"]);
        }
        cargo.args(["--", "-C", &format!("opt-level={}", self.opt_level)]);
        if self.frame_pointers {
            cargo.args(["-C", "force-frame-pointers=yes"]);
        }
        if self.gaps {
            cargo.args(["-C", "link-arg=-Wl,-z,max-page-size=0x200000"]);
        }
        if self.lto == Lto::Thin {
            // The later one counts, and the dependencies are the same for both.
            cargo.args(["-C", "lto=thin"]);
        }
        run(cargo);
        folder.join("release/alloc-probe-call-trees")
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointers = if self.frame_pointers { "-frame-pointers" } else { "" };
        let gaps = if self.gaps { "-gaps" } else { "" };
        write!(f, "opt-level-{}{pointers}-lto-{:?}{gaps}", self.opt_level, self.lto)
    }
}

/// Runs a program that checks its stacks, and tells how many these were. No frame of them may differ.
pub(crate) fn stacks_checked(program: &Path, arguments: &[&str]) -> u64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dump = folder.path().join("dump.json");
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("ALLOC_PROBE_OUT", &dump)
        .output()
        .expect("it runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    let text = fs::read_to_string(&dump).unwrap_or_else(|error| panic!("{program:?}: {error}: {messages}"));
    let dump: Dump = serde_json::from_str(&text).expect("a dump");
    let [note] = &dump.lost.notes[..] else { panic!("{program:?}: {:?}", dump.lost.notes) };
    let (checked, verdict) = note.split_once(' ').expect("a number of stacks");
    let right = "stacks were checked as they were taken, and 0 of them differ";
    assert_eq!(verdict, right, "{program:?} {arguments:?}: {messages}");
    let checked: u64 = checked.parse().expect("a number");
    // The dump was begun a little before that was counted.
    assert!(checked >= dump.totals.total_blocks, "{program:?}: every block has a stack");
    checked
}
