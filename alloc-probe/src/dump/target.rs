//! Where a dump goes, and how. A regular file, or one that isn't there yet, gets the dump whole or not at all, by rename.
//! Anything else is written to as it is and never replaced: a device, a pipe, a terminal, a descriptor that the process
//! already has.
//!
//! Others may write to the folder: so nothing is opened that could lead elsewhere. A temporary file is one that was not
//! there before, and a symbolic link is followed only if it is this user's own or the system's.

use crate::os;
use crate::os::path::Path as PlainPath;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Where a dump goes.
pub(super) enum Target {
    /// To a file of that path.
    File(PathBuf),
    /// Into what is open already, as it is.
    Stream(File),
}

/// How many symbolic links are followed, as by the system.
const LINKS: usize = 40;

/// The file system in which the kernel tells about processes, as `statfs` numbers it.
const PROC: u64 = 0x9fa0;

impl Target {
    pub(super) fn of(path: &Path) -> io::Result<Target> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let found = match fs::symlink_metadata(&path) {
                Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(Target::File(path)),
                found => found?,
            };
            let kind = found.file_type();
            if kind.is_file() {
                return Ok(Target::File(path));
            }
            if kind.is_dir() {
                return Err(io::Error::from_raw_os_error(libc::EISDIR));
            }
            if kind.is_socket() {
                return Err(io::Error::other("it is a socket"));
            }
            if !kind.is_symlink() {
                return Ok(Target::Stream(open_special(&path)?));
            }
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).to_owned();
            if is_of_processes(&folder) {
                if let Some(descriptor) = own_descriptor(&folder, path.file_name().unwrap_or_default()) {
                    return Ok(Target::Stream(duplicate(descriptor)?));
                }
                // What such a link leads to need not have a path.
                let is_link_to_folder =
                    matches!(path.file_name().and_then(OsStr::to_str), Some("self" | "thread-self"));
                if !is_link_to_folder {
                    return Err(io::Error::other("it is a descriptor of another process"));
                }
            }
            if !is_trusted(&found) {
                return Err(io::Error::other("it is a symbolic link of another user's"));
            }
            path = folder.join(fs::read_link(&path)?);
        }
        Err(io::Error::from_raw_os_error(libc::ELOOP))
    }
}

/// Whether a symbolic link is this user's own, or the system's.
fn is_trusted(link: &Metadata) -> bool {
    // SAFETY: it has no preconditions.
    link.uid() == 0 || link.uid() == unsafe { libc::geteuid() }
}

/// Whether a folder is one in which the kernel tells about processes.
fn is_of_processes(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let mut plain = PlainPath::EMPTY;
    plain.set(folder.as_os_str().as_bytes());
    is_in_proc(&plain)
}

fn is_in_proc(folder: &PlainPath) -> bool {
    let mut system = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path is a C string; the answer is read only if there is one.
    unsafe {
        libc::statfs(folder.as_c_str().as_ptr(), system.as_mut_ptr()) == 0
            && system.assume_init().f_type as u64 == PROC
    }
}

/// The number of this process's descriptor that a link in such a folder is.
fn own_descriptor(folder: &Path, name: &OsStr) -> Option<RawFd> {
    let folder = fs::canonicalize(folder).ok()?;
    let own = folder.starts_with(fs::canonicalize("/proc/self").ok()?);
    let number = name.to_str()?.parse().ok()?;
    (own && folder.ends_with("fd")).then_some(number)
}

/// A second descriptor of an open file: both have one position.
fn duplicate(descriptor: RawFd) -> io::Result<File> {
    // SAFETY: it has no preconditions; what it returns is nobody else's.
    unsafe {
        match libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) {
            -1 => Err(io::Error::last_os_error()),
            new => Ok(File::from_raw_fd(new)),
        }
    }
}

/// Opens what is no regular file, and waits for nobody: a pipe has a reader, or is refused.
fn open_special(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file =
        OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|reason| {
            match reason.raw_os_error() {
                Some(libc::ENXIO) => io::Error::other("nobody reads from it"),
                _ => reason,
            }
        })?;
    if file.metadata()?.is_file() {
        return Err(io::Error::other("it is another file than a moment ago"));
    }
    // SAFETY: the descriptor is our own; whoever reads may take the time that it needs.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) };
    Ok(file)
}

/// A new file beside a path, for its owner alone.
pub(super) fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    // Two threads may write to one path at once.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Relaxed);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.{number}.part", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name) {
            // What an earlier process of that number has left, or somebody has put there.
            Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {}
            made => return Ok((name.into(), made?)),
        }
    }
}

/// Runs what writes to a stream: where nobody reads from it any more, that is an error and not the end of the process.
pub(super) fn without_sigpipe(write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let _blocked = os::SignalsBlocked::new();
    let is_pending = || {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: it is a valid place for the answer, and zeros are a valid one.
        unsafe {
            libc::sigpending(set.as_mut_ptr());
            libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1
        }
    };
    let before = is_pending();
    let written = write();
    if !before && is_pending() {
        let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: the set is a valid one; the signal is pending, so that nothing is waited for.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
            libc::sigtimedwait(set.as_ptr(), std::ptr::null_mut(), &none);
        }
    }
    written
}

/// Whether a file can be kept beside where the dump goes: not where that is a device or a descriptor. Allocates nothing.
pub(crate) fn may_have_file_beside(path: &PlainPath) -> bool {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path is a C string; the answer is read only if there is one.
    let kind = unsafe {
        let exists = libc::stat(path.as_c_str().as_ptr(), status.as_mut_ptr()) == 0;
        exists.then(|| status.assume_init().st_mode & libc::S_IFMT)
    };
    // Where there is nothing yet, the attempt to make the file says what stands in the way.
    let Some(kind) = kind else { return true };
    let is_regular = kind == libc::S_IFREG;
    let Some(slash) = path.bytes().iter().rposition(|&byte| byte == b'/') else { return is_regular };
    let mut folder = PlainPath::EMPTY;
    folder.set(&path.bytes()[..slash.max(1)]);
    is_regular && !is_in_proc(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn is_file(path: &Path, expected: &Path) -> bool {
        matches!(Target::of(path), Ok(Target::File(file)) if file == expected)
    }

    fn refusal(path: &Path) -> String {
        match Target::of(path) {
            Err(reason) => reason.to_string(),
            Ok(Target::File(path)) => panic!("a file: {path:?}"),
            Ok(Target::Stream(_)) => panic!("a stream"),
        }
    }

    #[test]
    fn files_are_replaced_and_all_else_is_written_to_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "content").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("later", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        symlink("/proc/self/fd/1", at("stdout")).unwrap();
        assert!(is_file(&at("file"), &at("file")) && is_file(&at("new"), &at("new")));
        assert!(is_file(&at("link"), &at("file")) && is_file(&at("dangling"), &at("later")));
        assert_eq!(refusal(&at("circle")), io::Error::from_raw_os_error(libc::ELOOP).to_string());
        assert_eq!(refusal(folder.path()), io::Error::from_raw_os_error(libc::EISDIR).to_string());
        for stream in ["/dev/null", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1", "/proc/thread-self/fd/1"] {
            assert!(matches!(Target::of(Path::new(stream)), Ok(Target::Stream(_))), "{stream}");
        }
        assert!(matches!(Target::of(&at("stdout")), Ok(Target::Stream(_))));
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(refusal(&at("socket")), "it is a socket");
        let fifo = std::ffi::CString::new(at("fifo").to_str().unwrap()).unwrap();
        // SAFETY: the path is a C string.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        assert_eq!(refusal(&at("fifo")), "nobody reads from it");
    }

    #[test]
    fn a_temporary_file_is_never_one_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("out"), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        let (first, _) = create_beside(&path).unwrap();
        // Names that others can foresee.
        let number: usize = first.to_str().unwrap().rsplit('.').nth(1).unwrap().parse().unwrap();
        for number in number + 1..number + 20 {
            let planted = folder.path().join(format!("out.{}.{number}.part", std::process::id()));
            symlink(&victim, planted).unwrap();
        }
        let (second, file) = create_beside(&path).unwrap();
        assert!(!fs::symlink_metadata(&second).unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    }
}
