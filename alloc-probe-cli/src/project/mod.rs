//! A Cargo project as it is on disk: manifests, configuration, toolchain, lock file, sources, what builds it elsewhere,
//! and built programs. Nothing here writes, or asks a network.

pub mod binary;
pub(crate) mod cargo;
pub mod document;
pub mod lock;
mod metadata;
pub mod scripts;
pub mod sources;

pub use metadata::{Dependency, Package, Target};

use crate::error::{Error, io_reason};
use binary::Binary;
use document::{Document, Place};
use lock::Lock;
use metadata::Metadata;
use scripts::Script;
use sources::Declared;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder of its workspace.
    pub root: PathBuf,
    /// Where cargo builds it.
    pub target_directory: PathBuf,
    /// The manifest that has its profiles.
    pub manifest: Document,
    /// Its packages, or the one that was asked for.
    pub packages: Vec<Member>,
    /// Cargo's configuration files, the nearest first.
    pub configs: Vec<Document>,
    /// The lock file.
    pub lock: Lock,
    /// The file that names the toolchain, and the toolchain.
    pub toolchain: Option<Toolchain>,
    /// What builds it elsewhere.
    pub scripts: Vec<Script>,
    /// Variables that cargo reads.
    pub environment: Vec<(String, String)>,
    /// Built programs.
    pub binaries: Vec<Binary>,
}

/// A package with what its files have.
#[derive(Clone, Debug)]
pub struct Member {
    /// What cargo knows of it.
    pub package: Package,
    /// Its manifest.
    pub manifest: Document,
    /// What the sources of each target declare.
    pub targets: Vec<(Target, Vec<Declared>)>,
}

/// A toolchain file.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Where it names the toolchain.
    pub place: Place,
    /// What it names; none where it only lists components.
    pub channel: Option<String>,
}

impl Project {
    /// Reads the project at a path: a folder, or a `Cargo.toml`. A member of a workspace is looked at alone.
    ///
    /// # Errors
    ///
    /// Where there is none, cargo can't be run, or a file of it can't be read.
    pub fn read(path: &Path, binaries: &[PathBuf]) -> Result<Project, Error> {
        let manifest = manifest_at(path)?;
        let metadata = Metadata::read(&manifest)?;
        let root = metadata.workspace_root;
        let root_manifest = root.join("Cargo.toml");
        let is_whole = is_same(&manifest, &root_manifest);
        let mut packages = Vec::new();
        for package in metadata.packages {
            if is_whole || is_same(&package.manifest_path, &manifest) {
                let manifest = Document::read(&package.manifest_path)?;
                let declared = |target: &Target| (target.clone(), sources::read(&target.src_path));
                packages.push(Member {
                    targets: package.targets.iter().map(declared).collect(),
                    package,
                    manifest,
                });
            }
        }
        Ok(Project {
            manifest: Document::read(&root_manifest)?,
            packages,
            configs: configs(&root)?,
            lock: Lock::read(&root)?,
            toolchain: toolchain(&root)?,
            scripts: scripts::read(&root)?,
            environment: environment(),
            binaries: binaries.iter().map(|path| Binary::read(path)).collect::<Result<_, _>>()?,
            target_directory: metadata.target_directory,
            root,
        })
    }

    /// A path as seen from the project's folder, where it lies in there.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The manifest that a path means.
fn manifest_at(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::fs::canonicalize(path).map_err(|error| Error::read(path, io_reason(&error)))?;
    if absolute.is_file() {
        return match absolute.file_name().is_some_and(|name| name == "Cargo.toml") {
            true => Ok(absolute),
            false => Err(Error::read(path, "it is no Cargo.toml")
                .with_hint("name a project's folder, or its Cargo.toml")),
        };
    }
    let folders = absolute.ancestors().map(|folder| folder.join("Cargo.toml"));
    folders.into_iter().find(|manifest| manifest.is_file()).ok_or_else(|| {
        Error::read(path, "there is no Cargo.toml, nor in a folder above")
            .with_hint("name a project's folder, or its Cargo.toml")
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || std::fs::canonicalize(one).ok() == std::fs::canonicalize(other).ok()
}

/// Cargo's configuration: that of the folder and of those above it, then the user's own.
fn configs(root: &Path) -> Result<Vec<Document>, Error> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut folders: Vec<PathBuf> = root.ancestors().map(|folder| folder.join(".cargo")).collect();
    folders.extend(home.filter(|home| !folders.contains(home)));
    let mut configs = Vec::new();
    for folder in folders {
        // Cargo takes the older name first where both are there.
        for name in ["config", "config.toml"] {
            if let Some(document) = Document::read_if_there(&folder.join(name))? {
                configs.push(document);
                break;
            }
        }
    }
    Ok(configs)
}

/// The nearest toolchain file, as rustup finds it.
fn toolchain(root: &Path) -> Result<Option<Toolchain>, Error> {
    for folder in root.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let path = folder.join(name);
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            // The older form is the toolchain's name alone.
            if !text.contains('[') {
                let channel = text.trim().to_owned();
                let channel = (!channel.is_empty()).then_some(channel);
                return Ok(Some(Toolchain { place: Place::at(&path, 1), channel }));
            }
            let document = Document::parse(&path, &text)?;
            let named = ["channel", "path"].iter().find_map(|key| document.get(&["toolchain", key]));
            let place = named.map_or_else(|| Place::file(&path), |entry| document.place(entry));
            return Ok(Some(Toolchain { place, channel: named.and_then(document::Entry::text) }));
        }
    }
    Ok(None)
}

/// What this process has in its environment of what cargo reads.
fn environment() -> Vec<(String, String)> {
    let is_cargos = |name: &str| {
        name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_BUILD_")
            || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
            || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_INCREMENTAL"].contains(&name)
    };
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let mut variables: Vec<(String, String)> =
        std::env::vars_os().filter_map(text).filter(|(name, _)| is_cargos(name)).collect();
    variables.sort();
    variables
}
