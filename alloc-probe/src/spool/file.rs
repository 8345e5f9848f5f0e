//! The file behind the sections: one with a name beside the dump, or one in memory without a name, which another process
//! can find and read as well.

use crate::mode;
use crate::os;
use crate::os::path::Path;
use alloc_probe_format::spool::{MAGIC, header};
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};

/// The file, or -1.
static FILE: AtomicI32 = AtomicI32::new(-1);
/// Whether it has a name, and so is on a disk that may be full.
static NAMED: AtomicBool = AtomicBool::new(false);
/// Device and number of the file, by which it is known again.
static IDENTITY: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static FILE_LENGTH: AtomicU64 = AtomicU64::new(0);

/// The path of a file with a name. Written while the process starts, by [`Naming`].
struct Name {
    path: UnsafeCell<Path>,
    /// Whether there is such a file.
    exists: AtomicBool,
    /// The process that made it: it is not its forked children's.
    pid: AtomicU32,
}

// SAFETY: the path is written by the one `Naming` there is, before the flag with which it is read is raised.
unsafe impl Sync for Name {}

static NAME: Name =
    Name { path: UnsafeCell::new(Path::EMPTY), exists: AtomicBool::new(false), pid: AtomicU32::new(0) };

/// The right to give the spool's file its name.
pub(crate) struct Naming(());

/// Why the spool has no file of a name.
pub(crate) enum Refusal {
    /// Another living process has its spool there.
    InUse,
    Failed(io::Error),
}

impl Naming {
    /// Begins to look for a name.
    ///
    /// # Safety
    ///
    /// To be called at most once, before recording starts.
    pub(crate) unsafe fn begin() -> Naming {
        Naming(())
    }

    /// Has `fill` write a path, and opens an empty file there, locked. What a killed process left there stays, under
    /// another name. To be called until it succeeds, and not again.
    pub(crate) fn open(&mut self, fill: impl FnOnce(&mut Path)) -> Result<i32, Refusal> {
        // SAFETY: by the contract of `begin` there is no other `Naming`, and nobody reads the path before it exists.
        let path = unsafe { &mut *NAME.path.get() };
        fill(path);
        let file = open_empty(path)?;
        NAME.pid.store(std::process::id(), Relaxed);
        NAME.exists.store(true, Release);
        Ok(file)
    }

    /// The path that was tried last.
    pub(crate) fn path(&self) -> &[u8] {
        // SAFETY: only this value's `open` writes the path.
        unsafe { (*NAME.path.get()).bytes() }
    }
}

/// The path of the spool's file. None where it has no name, and in the child of a fork.
pub(crate) fn path() -> Option<&'static Path> {
    let is_ours =
        NAME.exists.load(Acquire) && NAME.pid.load(Relaxed) == std::process::id() && !mode::is_forked();
    // SAFETY: the file exists, so the path was written, and is never written again.
    is_ours.then(|| unsafe { &*NAME.path.get() })
}

/// Removes the file, which can't be used, or isn't needed any more.
pub(crate) fn remove_file() {
    if let Some(path) = path().filter(|path| opened_is_at(path.as_c_str())) {
        // SAFETY: the path is a C string.
        unsafe { libc::unlink(path.as_c_str().as_ptr()) };
    }
    NAME.exists.store(false, Relaxed);
}

/// Opens a spool file with nothing in it. What a killed process left there stays, under another name; and so does, under
/// its own, whatever is no spool.
fn open_empty(path: &Path) -> Result<i32, Refusal> {
    for _ in 0..EMPTY_TRIES {
        let Opened { file, is_new } = open_file(path.as_c_str())?;
        if is_new {
            return Ok(file);
        }
        let mut words = [0u64; 3];
        // SAFETY: the buffer has room for what is read, and the descriptor is our own.
        let got = unsafe { libc::pread(file, words.as_mut_ptr().cast(), size_of_val(&words), 0) };
        let is_spool = got == size_of_val(&words) as isize && words[header::MAGIC] == MAGIC;
        let moved = is_spool && keep_earlier(path, words[header::PID] as u32);
        // SAFETY: the descriptor is our own, and nobody uses it any more.
        unsafe { libc::close(file) };
        match (is_spool, got) {
            (true, _) if moved => {}
            (true, _) => return Err(Refusal::InUse),
            // One that another process has just made, perhaps.
            (false, 0) => os::sleep_ns(2_000_000),
            (false, _) => break,
        }
    }
    Err(Refusal::Failed(io::Error::from_raw_os_error(libc::EEXIST)))
}

const EMPTY_TRIES: usize = 5;

/// Gives the spool of an earlier process a name with that one's id. False where there is something by that name.
#[cold]
#[inline(never)]
fn keep_earlier(path: &Path, pid: u32) -> bool {
    const NO_REPLACE: libc::c_uint = 1;
    let mut earlier = Path::EMPTY;
    earlier.set(path.bytes());
    earlier.insert_pid(pid);
    let (from, to) = (path.as_c_str().as_ptr(), earlier.as_c_str().as_ptr());
    let here = libc::AT_FDCWD;
    // SAFETY: the names are C strings.
    unsafe {
        libc::syscall(libc::SYS_renameat2, here, from, here, to, NO_REPLACE) == 0
            // Where the file system has no such call: two steps, of which the first replaces nothing either.
            || libc::link(from, to) == 0 && libc::unlink(from) == 0
    }
}

/// The length of the file that has a name.
pub(crate) fn file_bytes() -> u64 {
    if has_file() { FILE_LENGTH.load(Relaxed) } else { 0 }
}

/// A file that is locked, and may become a spool.
struct Opened {
    file: i32,
    /// Whether it was just made. What was there before must prove to be a spool, and is never emptied.
    is_new: bool,
}

/// Makes the spool file, or opens the one that is there, and locks it. Nothing but a regular file of this user's own that
/// has no other name is opened, and a symbolic link is not followed: others may write to the folder.
fn open_file(path: &CStr) -> Result<Opened, Refusal> {
    // The file may come and go meanwhile. That it does so each time is somebody's intention.
    for _ in 0..100 {
        let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        // SAFETY: the path is a C string.
        let mut file = unsafe { libc::open(path.as_ptr(), flags | libc::O_CREAT | libc::O_EXCL, 0o600) };
        let is_new = file >= 0;
        if !is_new {
            let reason = io::Error::last_os_error();
            if reason.raw_os_error() != Some(libc::EEXIST) {
                return Err(Refusal::Failed(reason));
            }
            match status_of(path) {
                // Looked at before it is opened, as to open a device may have effects.
                Some(status) if is_own_regular(&status) => {}
                Some(_) => return Err(Refusal::Failed(io::Error::from_raw_os_error(libc::EEXIST))),
                None => continue,
            }
            // SAFETY: the path is a C string.
            file = unsafe { libc::open(path.as_ptr(), flags) };
            if file < 0 {
                let reason = io::Error::last_os_error();
                if reason.raw_os_error() == Some(libc::ENOENT) {
                    continue;
                }
                return Err(Refusal::Failed(reason));
            }
        }
        let close = || {
            // SAFETY: the descriptor is our own, and nobody uses it.
            unsafe { libc::close(file) };
        };
        if !lock(file, is_new) {
            close();
            return Err(Refusal::InUse);
        }
        let mut status = MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: it is a valid place for the answer, and zeros are a valid one.
        let status = unsafe {
            libc::fstat(file, status.as_mut_ptr());
            status.assume_init()
        };
        if !is_own_regular(&status) {
            close();
            return Err(Refusal::Failed(io::Error::from_raw_os_error(libc::EEXIST)));
        }
        if is_at(file, path) {
            [status.st_dev, status.st_ino]
                .iter()
                .zip(&OPENED)
                .for_each(|(value, to)| to.store(*value, Relaxed));
            return Ok(Opened { file, is_new });
        }
        close();
        // Its owner removed or renamed it just before: there is another now, or none.
    }
    Err(Refusal::InUse)
}

/// Device and number of the spool file that was opened.
static OPENED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Locks a file, if no other process has. One that was just made may be held for a moment by whoever looks at what it is.
fn lock(file: i32, is_new: bool) -> bool {
    (0..if is_new { 100 } else { 1 }).any(|attempt| {
        if attempt > 0 {
            os::sleep_ns(1_000_000);
        }
        // SAFETY: the descriptor is the caller's.
        unsafe { libc::flock(file, libc::LOCK_EX | libc::LOCK_NB) == 0 }
    })
}

/// What is at a path; of a symbolic link, the link.
fn status_of(path: &CStr) -> Option<libc::stat> {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path is a C string; what the call fills in is read only if it did.
    unsafe { (libc::lstat(path.as_ptr(), status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}

/// Whether it is a regular file that this process's user owns, under one name.
fn is_own_regular(status: &libc::stat) -> bool {
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    status.st_mode & libc::S_IFMT == libc::S_IFREG && status.st_uid == user && status.st_nlink == 1
}

/// Whether a path leads to an open file, by itself and not by a link.
fn is_at(file: i32, path: &CStr) -> bool {
    status_of(path).is_some_and(|status| (status.st_dev, status.st_ino) == identity(file))
}

/// Whether the spool file that was opened is still what a path leads to.
fn opened_is_at(path: &CStr) -> bool {
    let opened = [&OPENED[0], &OPENED[1]].map(|word| word.load(Relaxed));
    status_of(path).is_some_and(|status| [status.st_dev, status.st_ino] == opened)
}

/// Whether the profile is in a file that has a name.
pub(crate) fn has_file() -> bool {
    FILE.load(Relaxed) >= 0 && NAMED.load(Relaxed)
}

/// Device and number of an open file; zeros where it is none.
fn identity(file: i32) -> (u64, u64) {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: it is a valid place for the answer, and zeros are a valid one.
    let status = unsafe {
        libc::fstat(file, status.as_mut_ptr());
        status.assume_init()
    };
    (status.st_dev, status.st_ino)
}

/// The file, as long as its descriptor is what it was. Programs close descriptors that they don't know, as daemons do,
/// and then it may be another file's by now.
pub(super) fn own_file() -> Option<i32> {
    let file = FILE.load(Relaxed);
    let [device, number] = [&IDENTITY[0], &IDENTITY[1]].map(|word| word.load(Relaxed));
    if identity(file) == (device, number) {
        return Some(file);
    }
    let path = path().filter(|_| NAMED.load(Relaxed))?;
    // SAFETY: the path is a C string.
    let again = unsafe {
        libc::open(
            path.as_c_str().as_ptr(),
            libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK,
        )
    };
    if identity(again) == (device, number) {
        FILE.store(again, Relaxed);
        return Some(again);
    }
    if again >= 0 {
        // SAFETY: our own descriptor, which nobody uses.
        unsafe { libc::close(again) };
    }
    REASON.store(libc::EBADF, Relaxed);
    None
}

/// Begins to use an open file. `named` is whether it has a name.
pub(super) fn adopt(file: i32, named: bool) {
    let (device, number) = identity(file);
    [device, number].iter().zip(&IDENTITY).for_each(|(value, word)| word.store(*value, Relaxed));
    NAMED.store(named, Relaxed);
    FILE.store(file, Relaxed);
}

/// Whether there is a file, with a name or without.
pub(super) fn is_open() -> bool {
    FILE.load(Relaxed) >= 0
}

/// Whether the file has a name, and so is on a disk that may be full.
pub(super) fn is_named() -> bool {
    NAMED.load(Relaxed)
}

/// How much of the file the extents take.
pub(super) fn length() -> u64 {
    FILE_LENGTH.load(Relaxed)
}

pub(super) fn set_length(bytes: u64) {
    FILE_LENGTH.store(bytes, Relaxed);
}

/// Why there was no room in the file.
pub(crate) fn no_room() -> io::Error {
    io::Error::from_raw_os_error(REASON.load(Relaxed))
}

/// Remembers why there was no room, as an error number. Returns the one before.
pub(super) fn set_reason(number: i32) -> i32 {
    REASON.swap(number, Relaxed)
}

/// What the file system said last where it refused.
static REASON: AtomicI32 = AtomicI32::new(0);

/// Has the file system set blocks aside for a range of the file.
pub(super) fn take_blocks(file: i32, start: u64, length: u64) -> bool {
    // Beyond the limit the kernel would send SIGXFSZ.
    let status = if start + length > os::limit(libc::RLIMIT_FSIZE) {
        libc::EFBIG
    } else if NAMED.load(Relaxed) {
        // No signal interrupts it: they are put off while the lock is held.
        // SAFETY: a plain system call on our own descriptor.
        unsafe { libc::posix_fallocate(file, start as libc::off_t, length as libc::off_t) }
    } else {
        // Memory like any other: it need not be taken before it is touched.
        // SAFETY: likewise.
        unsafe { libc::ftruncate(file, (start + length) as libc::off_t) }
    };
    if status != 0 {
        set_reason(status);
    }
    status == 0
}

/// Goes on without the file.
pub(super) fn close() {
    let file = FILE.swap(-1, Relaxed);
    // It may be the program's by now.
    let own = [&IDENTITY[0], &IDENTITY[1]].map(|word| word.load(Relaxed));
    if file >= 0 && <[u64; 2]>::from(identity(file)) == own {
        // SAFETY: our own descriptor, which nobody uses any more.
        unsafe { libc::close(file) };
    }
}
