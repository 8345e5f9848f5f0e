//! What cargo itself knows of a project: `cargo metadata`, without dependencies, which writes nothing.

use super::cargo;
use crate::error::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A workspace, which may be a single package.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    /// Its folder.
    pub(super) workspace_root: PathBuf,
    /// Where it builds.
    pub(super) target_directory: PathBuf,
    /// Its members.
    pub(super) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its `Cargo.toml`.
    pub manifest_path: PathBuf,
    /// The registries it may be published to: all where there is none, no one where the list is empty.
    pub publish: Option<Vec<String>>,
    /// What it needs.
    pub dependencies: Vec<Dependency>,
    /// What is built from it.
    pub targets: Vec<Target>,
    description: Option<String>,
    license: Option<String>,
    license_file: Option<PathBuf>,
}

/// A dependency, as the manifest has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// The package's name, whatever it is renamed to.
    pub name: String,
    /// `dev` or `build`; none for one of the package itself.
    pub kind: Option<String>,
    /// The folder of one that lies beside.
    pub path: Option<PathBuf>,
}

/// A library, program, test or build script.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What it is: `lib`, `bin`, `example`, `cdylib` and so on.
    pub kind: Vec<String>,
    /// Its first file.
    pub src_path: PathBuf,
}

impl Package {
    /// Whether others may get it from a registry: it has what a registry asks for, and nothing forbids it.
    pub fn is_published(&self) -> bool {
        let is_allowed = self.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        is_allowed && self.description.is_some() && (self.license.is_some() || self.license_file.is_some())
    }

    /// What of it is shipped as a file that cargo links: programs, and libraries for other languages. A published library
    /// may have a program for its own tests: one that shares no part of the name.
    pub fn shipped(&self) -> impl Iterator<Item = &Target> {
        let has =
            |target: &Target, kinds: &[&str]| target.kind.iter().any(|kind| kinds.contains(&kind.as_str()));
        let is_library =
            self.is_published() && self.targets.iter().any(|target| has(target, &["lib", "rlib"]));
        let parts = |name: &str| name.split(['-', '_']).map(str::to_owned).collect::<Vec<String>>();
        let own = parts(&self.name);
        self.targets.iter().filter(move |target| {
            let is_helper = is_library && !parts(&target.name).iter().any(|part| own.contains(part));
            has(target, &["cdylib", "staticlib"]) || (has(target, &["bin"]) && !is_helper)
        })
    }

    /// The names of packages that it is built with, but for tests and build scripts.
    pub fn needs(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().filter(|dependency| dependency.kind.is_none())
    }
}

impl Metadata {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// Where it can't be run, or finds no sound project; its reason is in the error.
    pub(super) fn read(manifest: &Path) -> Result<Metadata, Error> {
        let mut command = cargo::command("metadata");
        command.args(["--no-deps", "--offline", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let output = command.stdin(Stdio::null()).output().map_err(cargo::not_run)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::read(manifest, reason(&said)));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Error::new(format!("cannot understand the output of `cargo metadata`: {error}")))
    }
}

/// What cargo said, in one line: its error and the causes below it.
fn reason(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| {
        !line.is_empty() && *line != "Caused by:" && !line.starts_with('|') && !line.starts_with("-->")
    });
    let lines: Vec<&str> = lines.skip_while(|line| !line.starts_with("error")).collect();
    let text = lines.join(": ");
    text.strip_prefix("error: ").unwrap_or(if text.is_empty() { said.trim() } else { &text }).to_owned()
}
