//! Where the subjects' binaries are. Cargo has built them for the profile that the suite itself was built with;
//! the other profile's are built here, into the same target folder, once for each run of the suite.

use once_cell::sync::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A build profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `dev`: not optimised, with debug assertions.
    Dev,
    /// `release`: optimised, with line tables.
    Release,
}

impl Profile {
    /// Both.
    pub(crate) const ALL: [Profile; 2] = [Profile::Dev, Profile::Release];

    /// What the dumps of its binaries say: the optimisation level and the debug assertions.
    pub(crate) fn build_facts(self) -> (&'static str, bool) {
        match self {
            Profile::Dev => ("0", true),
            Profile::Release => ("3", false),
        }
    }

    /// Whether there is a program that `dhat` profiles: that crate is built for the suite's own profile, and for the other
    /// one where packages beyond the subjects' own are built anyway.
    pub(crate) fn has_dhat(self) -> bool {
        own_folder().ends_with(self.folder()) || cfg!(feature = "real-input")
    }

    /// The name of its folder below the target folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}

/// The path of a program of subjects, built.
pub(crate) fn subject(name: &str, profile: Profile) -> PathBuf {
    static BUILT: [OnceCell<()>; 2] = [const { OnceCell::new() }; 2];
    if !own_folder().ends_with(profile.folder()) {
        BUILT[profile as usize].get_or_init(|| build(&SUBJECTS, profile));
    }
    target().join(profile.folder()).join(name)
}

/// All subjects, without what only the suite itself needs.
const SUBJECTS: [&str; 4] = ["--bins", "--package", "alloc-probe-tests", "--no-default-features"];

/// The path of the example service, built.
#[cfg(feature = "real-input")]
pub(crate) fn orders(profile: Profile) -> PathBuf {
    static BUILT: [OnceCell<()>; 2] = [const { OnceCell::new() }; 2];
    let what = ["--bin", "orders", "--package", "alloc-probe-examples"];
    BUILT[profile as usize].get_or_init(|| build(&what, profile));
    target().join(profile.folder()).join("orders")
}

/// Where Cargo put the subjects of the suite's own profile.
fn own_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_subjects")).parent().expect("a binary lies in a folder")
}

fn target() -> &'static Path {
    own_folder().parent().expect("a profile's folder lies in the target folder")
}

/// Builds what is asked for. Cargo's own lock makes processes that want the same wait for each other.
fn build(what: &[&str], profile: Profile) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(what).arg("--target-dir").arg(target());
    cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    if what == SUBJECTS {
        let features = [
            ("allocators", cfg!(feature = "allocators")),
            ("dhat", profile.has_dhat()),
            ("real-input", cfg!(feature = "real-input")),
        ];
        let features = features.iter().filter(|(_, is_on)| *is_on);
        cargo.args(features.flat_map(|(name, _)| ["--features", name]));
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "cargo build {what:?} ({profile:?}): {status}");
}
