//! Building programs in other ways than the suite itself is built.

use std::path::Path;
use std::process::Command;

/// A command of Cargo's that puts what it builds into a folder. It shares all that goes on the way there with the rest
/// of the workspace's builds.
pub(crate) fn cargo(command: &str, folder: &Path) -> Command {
    cargo_at(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")), command, folder)
}

/// The same for the package of any manifest.
pub(crate) fn cargo_at(manifest: &Path, command: &str, folder: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([command, "--quiet", "--target-dir"]).arg(folder);
    cargo.arg("--manifest-path").arg(manifest);
    cargo.env("CARGO_BUILD_BUILD_DIR", target());
    cargo
}

pub(crate) fn run(mut command: Command) {
    let status = command.status().expect("cargo runs");
    assert!(status.success(), "{command:?}: {status}");
}

/// The target folder.
pub(crate) fn target() -> &'static Path {
    let profile = Path::new(env!("CARGO_BIN_EXE_subjects")).parent().expect("a binary lies in a folder");
    profile.parent().expect("a profile's folder lies in the target folder")
}
