//! `Cargo.lock`, and whether it is part of what is committed.

use super::document::{Document, Place};
use crate::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The lock file of a project.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// What it lists: names and versions. None where there is no file.
    pub packages: Option<Vec<(String, String)>>,
    /// What becomes of it.
    pub commit: Commit,
}

/// Whether a file is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is.
    Tracked,
    /// Nobody has added it yet.
    Untracked,
    /// A rule leaves it out.
    Ignored(Place),
    /// The project is in no repository that could be asked.
    Unknown,
}

impl Lock {
    pub(super) fn read(root: &Path) -> Result<Lock, Error> {
        let path = root.join("Cargo.lock");
        let document = Document::read_if_there(&path)?;
        let packages = document.map(|document| {
            let entries = document.get(&["package"]).map_or(&[][..], |entry| entry.list());
            let text = |entry: &super::document::Entry, key| entry.get(key)?.text();
            entries.iter().filter_map(|entry| Some((text(entry, "name")?, text(entry, "version")?))).collect()
        });
        Ok(Lock { commit: commit(root), path, packages })
    }

    /// The versions of a package that it lists.
    pub fn versions(&self, name: &str) -> Vec<&str> {
        let packages = self.packages.iter().flatten();
        packages.filter(|(package, _)| package == name).map(|(_, version)| version.as_str()).collect()
    }
}

/// Asks git, which need not be there.
fn commit(root: &Path) -> Commit {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(root).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command.output().ok()
    };
    match git(&["rev-parse", "--is-inside-work-tree"]) {
        Some(output) if output.status.success() && output.stdout.starts_with(b"true") => {}
        _ => return Commit::Unknown,
    }
    if git(&["ls-files", "--error-unmatch", "Cargo.lock"]).is_some_and(|output| output.status.success()) {
        return Commit::Tracked;
    }
    // SOURCE:LINE:RULE, a tab, the path.
    let ignored = git(&["check-ignore", "--verbose", "--no-index", "Cargo.lock"])
        .filter(|output| output.status.success())
        .and_then(|output| {
            let text = String::from_utf8(output.stdout).ok()?;
            let (rule, _) = text.split_once('\t')?;
            let mut parts = rule.splitn(3, ':');
            let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
            Some(Place::at(&root.join(file), line))
        });
    // A folder that a repository leaves out as a whole is no part of it.
    match ignored {
        Some(_) if is_outside(&git) => Commit::Unknown,
        Some(place) => Commit::Ignored(place),
        None if is_outside(&git) => Commit::Unknown,
        None => Commit::Untracked,
    }
}

/// Whether the repository around knows nothing of the project: not even its manifest.
fn is_outside(git: &dyn Fn(&[&str]) -> Option<std::process::Output>) -> bool {
    let tracked = git(&["ls-files", "--cached", "--error-unmatch", "Cargo.toml"]);
    !tracked.is_some_and(|output| output.status.success())
}
