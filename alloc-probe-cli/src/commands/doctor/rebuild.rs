//! Builds a project twice, in two folders.

use crate::analyse::doctor::Subject;
use crate::analyse::doctor::rebuild::{Build, Rebuilt, difference};
use crate::commands::watch::Watch;
use crate::error::{Error, io_reason};
use crate::project::{Project, cargo};
use crate::term::{Terminal, style};
use rustix::process::Signal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The two folders: names of one length, so that only what is in a file can shift its parts.
const NAMES: [&str; 2] = ["build-one", "build-two"];

/// What one build made.
struct Made {
    folder: PathBuf,
    /// Programs by name.
    programs: BTreeMap<String, PathBuf>,
    /// What each build script left: its package, and the contents of its files.
    scripts: BTreeMap<String, Vec<(PathBuf, Vec<u8>)>>,
}

/// Builds the programs of a project twice, and compares what came of it.
///
/// # Errors
///
/// Where a folder can't be made, a file not be copied, or the build fails.
pub(super) fn rebuild(
    subject: &Subject<'_>,
    is_offline: bool,
    terminal: &mut Terminal<'_>,
) -> Result<Rebuilt, Error> {
    let project = subject.project;
    if subject.is_libraries() {
        return Err(Error::new("there is no program to build twice: the project has only libraries"));
    }
    check_paths(project)?;
    let profile = subject.profiles.first().map_or("release", String::as_str);
    let temporary = Temporary::new()?;
    let watch = Watch::new()?;
    let mut made = Vec::new();
    for name in NAMES {
        let folder = temporary.0.join(name);
        let look = style::STRONG;
        writeln!(terminal.err, "{look}{:>12}{look:#} `{profile}` in {}", "Building", folder.display())?;
        copy(&project.root, &folder)?;
        made.push(build(subject, folder, profile, is_offline, &watch)?);
    }
    let [one, other] = [&made[0], &made[1]];
    let mut rebuilt = Rebuilt::default();
    for (program, path) in &one.programs {
        let Some(twin) = other.programs.get(program) else { continue };
        let (here, there) = (read(path)?, read(twin)?);
        let (here_at, there_at) = (one.folder.to_string_lossy(), other.folder.to_string_lossy());
        let build = |folder, bytes| Build { folder, bytes };
        rebuilt
            .programs
            .push((program.clone(), difference(build(&here_at, &here), build(&there_at, &there))));
    }
    if rebuilt.programs.is_empty() {
        return Err(Error::new("the build made no program that could be compared"));
    }
    let differing = one.scripts.iter().filter(|(package, files)| other.scripts.get(*package) != Some(files));
    rebuilt.scripts = differing.map(|(package, _)| package.clone()).collect();
    Ok(rebuilt)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::read(path, io_reason(&error)))
}

/// A project that needs packages beside its own folder can't be moved.
fn check_paths(project: &Project) -> Result<(), Error> {
    let mut needed = project.packages.iter().flat_map(|member| &member.package.dependencies);
    match needed.find_map(|needed| needed.path.as_ref().filter(|path| !path.starts_with(&project.root))) {
        Some(path) => Err(Error::new(format!(
            "cannot build `{}` elsewhere: it needs `{}`, which lies outside",
            project.root.display(),
            path.display()
        ))
        .with_hint("without --rebuild, everything else is checked")),
        None => Ok(()),
    }
}

/// A folder that goes when it is no longer needed.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Temporary, Error> {
        let mut last = None;
        for attempt in 0..100 {
            let folder =
                std::env::temp_dir().join(format!("alloc-probe-doctor.{}.{attempt}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Temporary(folder)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    last = Some((folder, error))
                }
                Err(error) => return Err(Error::write(&folder, &error)),
            }
        }
        let (folder, error) =
            last.unwrap_or_else(|| (PathBuf::new(), std::io::ErrorKind::AlreadyExists.into()));
        Err(Error::write(&folder, &error))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What can't be removed is a folder too many, and no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a project: what its repository has, and what is new there. Without a repository, all but what was built.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for file in listed(from).map_or_else(|| walk(from), Ok)? {
        let (source, target) = (from.join(&file), to.join(&file));
        let Ok(metadata) = fs::symlink_metadata(&source) else { continue };
        if !metadata.is_symlink() && !metadata.is_file() {
            continue; // A pipe is never at its end.
        }
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(|error| Error::write(folder, &error))?;
        let copied = match metadata.is_symlink() {
            true => fs::read_link(&source).and_then(|link| std::os::unix::fs::symlink(link, &target)),
            false => fs::copy(&source, &target).map(|_| ()),
        };
        copied.map_err(|error| Error::write(&target, &error))?;
    }
    Ok(())
}

/// The files that git knows or would take.
fn listed(root: &Path) -> Option<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let mut files: Vec<PathBuf> =
        text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    // A repository around that leaves the project out lists nothing of it. A lock file is part of the build, whether
    // or not it is committed.
    let is_whole = files.iter().any(|file| file == Path::new("Cargo.toml"));
    if !files.iter().any(|file| file == Path::new("Cargo.lock")) {
        files.push("Cargo.lock".into());
    }
    is_whole.then_some(files)
}

fn walk(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Error::read(&root.join(&folder), io_reason(&error));
        for entry in fs::read_dir(root.join(&folder)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            // What cargo built has a mark of its own.
            let is_built = || root.join(&path).join("CACHEDIR.TAG").is_file();
            match is_folder {
                true if entry.file_name() == ".git" || is_built() => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    Ok(files)
}

/// What cargo says of something it built, or of a build script that ran.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
    out_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn build(
    subject: &Subject<'_>,
    folder: PathBuf,
    profile: &str,
    is_offline: bool,
    watch: &Watch,
) -> Result<Made, Error> {
    let is_locked = subject.project.lock.packages.is_some();
    let mut command = cargo::command("build");
    command.args(["--profile", profile, "--bins", "--quiet", "--message-format=json-render-diagnostics"]);
    command.args(is_locked.then_some("--locked")).args(is_offline.then_some("--offline"));
    for (member, _) in subject.programs() {
        command.args(["--package", &member.package.name]);
    }
    command.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut cargo = watch.start(&mut command, Signal::TERM).map_err(cargo::not_run)?;
    let output = cargo.child().stdout.take().map(BufReader::new);
    let lines = output.into_iter().flat_map(|lines| lines.split(b'\n')).map_while(Result::ok);
    let messages: Vec<Message> = lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect();
    let ended = cargo.wait(None).map_err(cargo::not_run)?;
    watch.check()?;
    if !ended.status.success() {
        return Err(Error::new(format!("cargo could not build the project under the profile `{profile}`")));
    }
    let mut made = Made { folder, programs: BTreeMap::new(), scripts: BTreeMap::new() };
    for message in messages {
        match message {
            Message { executable: Some(path), target: Some(target), .. } => {
                made.programs.insert(target.name, path);
            }
            Message { out_dir: Some(out), reason, package_id, .. } if reason == "build-script-executed" => {
                let contents = walk(&out)?.into_iter().map(|file| {
                    let bytes = read(&out.join(&file))?;
                    Ok((file, without(&bytes, &made.folder)))
                });
                let mut contents: Vec<_> = contents.collect::<Result<_, Error>>()?;
                contents.sort();
                made.scripts.insert(package(&package_id), contents);
            }
            _ => {}
        }
    }
    Ok(made)
}

/// The name and version at the end of a package's id: `…#name@1.2.3`, or `…/name#1.2.3`.
fn package(id: &str) -> String {
    let (place, end) = id.rsplit_once('#').unwrap_or(("", id));
    match end.contains('@') {
        true => end.replace('@', " "),
        false => format!("{} {end}", place.rsplit('/').next().unwrap_or_default()),
    }
}

/// Bytes without the folder they were made in, which is a difference of its own.
fn without(bytes: &[u8], folder: &Path) -> Vec<u8> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index..].starts_with(folder) {
            index += folder.len();
        } else {
            kept.push(bytes[index]);
            index += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_name_and_version() {
        assert_eq!(package("registry+https://x/index#libc@0.2.1"), "libc 0.2.1");
        assert_eq!(package("path+file:///tmp/build-one#0.1.0"), "build-one 0.1.0");
        assert_eq!(package("path+file:///tmp/build-one#subject@0.1.0"), "subject 0.1.0");
        assert_eq!(without(b"a/x/yb/x/y", Path::new("/x/y")), b"ab");
    }
}
