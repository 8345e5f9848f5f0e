//! The one way in which a file is written.
//!
//! A file has its name only when it is whole: it is written under another name beside it, which nobody else can have
//! made, and takes its place by rename. Only a regular file is ever replaced. What else stands at a path stays what it
//! is: a device, a pipe, or what a descriptor stands for is written to, and a socket or a directory is refused.

use crate::error::Error;
use rustix::fs::{FsWord, statfs};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may read a file that did not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Only its owner, whatever was there before: a dump has a program's command line and the names of its functions.
    Owner,
    /// Whoever the user lets read new files; an own file that is replaced keeps its readers.
    Usual,
}

/// Writes a file.
///
/// # Errors
///
/// Where it can't be written, or `contents` fails; then what was there before is there still.
pub(crate) fn write(
    path: &Path,
    readers: Readers,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let written = || -> io::Result<()> {
        let unfinished = Unfinished::new(path, readers)?;
        let mut writer = BufWriter::new(&unfinished.file);
        contents(&mut writer)?;
        writer.flush()?;
        drop(writer);
        unfinished.finish()
    };
    written().map_err(|error| Error::write(path, &error))
}

/// Removes a file of an earlier time, so that it is not taken for a new one.
///
/// # Errors
///
/// Where it can't be removed, or is no regular file: what else it may be is not ours to remove.
pub(crate) fn remove_earlier(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("it is not a regular file")),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::write(path, &error)),
        _ => Ok(()),
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// What is written to.
    pub(crate) file: File,
    /// The name that it has for now, and the one that it gets; none where something else than a file is written to.
    names: Option<(PathBuf, PathBuf)>,
}

impl Unfinished {
    /// Begins a file that is to have a name.
    ///
    /// # Errors
    ///
    /// Where it can't be made, or what is there is not to be written to.
    pub(crate) fn new(path: &Path, readers: Readers) -> io::Result<Unfinished> {
        match Target::of(path)? {
            Target::Stream(file) => Ok(Unfinished { file, names: None }),
            Target::Name(path, existing) => {
                let (file, unfinished) = beside(&path, readers)?;
                // The rights of a file that somebody else put there are not to decide who reads ours.
                let own = existing.filter(|metadata| metadata.uid() == rustix::process::geteuid().as_raw());
                let this = Unfinished { file, names: Some((unfinished, path)) };
                if let (Readers::Usual, Some(metadata)) = (readers, own) {
                    this.file.set_permissions(Permissions::from_mode(metadata.mode() & 0o777))?;
                }
                Ok(this)
            }
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// Where the system refuses to.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some((unfinished, path)) = self.names.take() {
            fs::rename(&unfinished, path).inspect_err(|_| remove(&unfinished))?;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some((unfinished, _)) = &self.names {
            remove(unfinished);
        }
    }
}

fn remove(unfinished: &Path) {
    // What can't be removed is a file too many, and no reason to fail.
    let _ = fs::remove_file(unfinished);
}

/// What a path stands for.
enum Target {
    /// A name for a regular file, and that of the file which has it.
    Name(PathBuf, Option<fs::Metadata>),
    /// Something that is written to as it is.
    Stream(File),
}

/// Links that are followed: as many as the system follows.
const LINKS: usize = 40;

impl Target {
    /// Follows links, one by one: a link of `/proc` may stand for what has no name, or has one that it must not be
    /// replaced under.
    fn of(path: &Path) -> io::Result<Target> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let metadata = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::Name(path, None)),
                metadata => metadata?,
            };
            if !metadata.is_symlink() {
                return match metadata.is_file() {
                    true => Ok(Target::Name(path, Some(metadata))),
                    false => stream(&path, &metadata),
                };
            }
            if is_of_proc(&path) {
                return descriptor(&path);
            }
            // A relative link starts at its folder, and an absolute one at the root.
            path = folder(&path).join(fs::read_link(&path)?);
        }
        Err(io::Error::other("too many levels of symbolic links"))
    }
}

/// What stands for itself.
fn stream(path: &Path, metadata: &fs::Metadata) -> io::Result<Target> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(io::Error::other("is a directory"));
    }
    if kind.is_socket() {
        return Err(io::Error::other("it is a socket"));
    }
    OpenOptions::new().write(true).open(path).map(Target::Stream)
}

/// What a link in `/proc` stands for. Our own standard streams are shared with whoever else writes to them, up to the
/// place in the file; to other files it is only safe to append.
fn descriptor(link: &Path) -> io::Result<Target> {
    let shared = fs::canonicalize(folder(link)).ok().and_then(|folder| {
        let is_own = folder.file_name() == Some(OsStr::new("fd"))
            && folder.starts_with(format!("/proc/{}", std::process::id()));
        let number = if is_own { link.file_name()?.to_str()? } else { return None };
        match number {
            "1" => Some(io::stdout().as_fd().try_clone_to_owned()),
            "2" => Some(io::stderr().as_fd().try_clone_to_owned()),
            _ => None,
        }
    });
    if let Some(shared) = shared {
        return Ok(Target::Stream(File::from(shared?)));
    }
    let metadata = fs::metadata(link)?;
    if metadata.is_file() {
        return OpenOptions::new().append(true).open(link).map(Target::Stream);
    }
    stream(link, &metadata)
}

fn is_of_proc(link: &Path) -> bool {
    const PROC_SUPER_MAGIC: FsWord = 0x9fa0;
    statfs(folder(link)).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names that are tried for a new file beside another.
const NAMES: u32 = 100;

/// Makes a new file beside a path. A name that is taken, be it by a link that somebody planted, is left alone.
fn beside(path: &Path, readers: Readers) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::other("is a directory"))?;
    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    let mut taken = None;
    for attempt in 0..NAMES {
        let mut unfinished = OsString::from(name);
        unfinished.push(format!(".{}.{attempt}.part", std::process::id()));
        let unfinished = path.with_file_name(unfinished);
        // `create_new` follows no link.
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
            file => return Ok((file?, unfinished)),
        }
    }
    Err(taken.unwrap_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    fn put(path: &Path, text: &str) -> Result<(), String> {
        let put = write(path, Readers::Usual, |out| out.write_all(text.as_bytes()));
        put.map_err(|error| error.to_string())
    }

    /// The names in a directory.
    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_and_a_regular_one_get_their_name_when_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        put(&path, "one").unwrap();
        let first = fs::metadata(&path).unwrap().ino();
        put(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_ne!(fs::metadata(&path).unwrap().ino(), first, "another file has the name");
        let failed = write(&path, Readers::Usual, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), format!("cannot write `{}`: no more", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["a.svg"], "nothing is left beside it");
        assert!(
            put(&folder.path().join("no/a.svg"), "x").unwrap_err().ends_with("no such file or directory")
        );
    }

    #[test]
    fn a_pipe_a_device_a_socket_and_a_directory_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = at("pipe");
            move || fs::read_to_string(pipe).unwrap()
        });
        put(&at("pipe"), "through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(fs::metadata(at("pipe")).unwrap().file_type().is_fifo());

        // A link, so that nothing happens to the device itself should this fail.
        symlink("/dev/null", at("null")).unwrap();
        put(&at("null"), "nowhere").unwrap();
        assert!(fs::symlink_metadata(at("null")).unwrap().is_symlink());
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

        let _listener = UnixListener::bind(at("socket")).unwrap();
        assert!(put(&at("socket"), "x").unwrap_err().ends_with("it is a socket"));
        assert!(fs::metadata(at("socket")).unwrap().file_type().is_socket());
        fs::create_dir(at("folder")).unwrap();
        assert!(put(&at("folder"), "x").unwrap_err().ends_with("is a directory"));
        assert_eq!(names(folder.path()), ["folder", "null", "pipe", "socket"]);
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("there")).unwrap();
        symlink("there/file", at("link")).unwrap();
        for text in ["new", "replaced"] {
            put(&at("link"), text).unwrap();
            assert_eq!(fs::read_to_string(at("there/file")).unwrap(), text);
            assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        }
        symlink("loop", at("loop")).unwrap();
        assert!(put(&at("loop"), "x").unwrap_err().ends_with("too many levels of symbolic links"));
        assert_eq!(names(folder.path()), ["link", "loop", "there"]);
    }

    #[test]
    fn a_descriptor_is_written_to_and_not_replaced() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before\n").unwrap();
        let file = File::open(&path).unwrap();
        put(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), "after\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\n");
        assert_eq!(fs::metadata(&path).unwrap().ino(), file.metadata().unwrap().ino());
        let link = folder.path().join("link");
        symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
        put(&link, "again\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\nagain\n");
        assert_eq!(names(folder.path()), ["link", "log"]);
    }

    #[test]
    fn names_that_somebody_planted_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        let planted = format!("a.svg.{}.0.part", std::process::id());
        symlink(at("victim"), at(&planted)).unwrap();
        put(&at("a.svg"), "picture").unwrap();
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "precious");
        assert!(fs::symlink_metadata(at(&planted)).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at("a.svg")).unwrap(), "picture");
    }

    #[test]
    fn dumps_are_for_their_owner_and_other_files_keep_their_readers() {
        let folder = tempfile::tempdir().unwrap();
        let (dump, picture) = (folder.path().join("a.json"), folder.path().join("a.svg"));
        for path in [&dump, &picture] {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
        }
        write(&dump, Readers::Owner, |_| Ok(())).unwrap();
        write(&picture, Readers::Usual, |_| Ok(())).unwrap();
        assert_eq!((mode(&dump), mode(&picture)), (0o600, 0o640));
    }

    #[test]
    fn only_an_earlier_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink("file", at("link")).unwrap();
        assert!(remove_earlier(&at("link")).unwrap_err().to_string().ends_with("it is not a regular file"));
        remove_earlier(&at("file")).unwrap();
        remove_earlier(&at("file")).unwrap();
        assert_eq!(names(folder.path()), ["link"]);
    }
}
