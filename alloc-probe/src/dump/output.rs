//! Where dumps go: the output path with its marks filled in, and the spool beside it.

use crate::spool;
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};

/// As long as the system's longest and some more, so that what is cut is refused.
const LONGEST: usize = libc::PATH_MAX as usize + 64;

/// A path as the system calls take it: zero-terminated, without allocating. Changed in place, as it may be larger than
/// what is left of a small stack.
pub(crate) struct Path {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Path {
    pub(crate) const EMPTY: Path = Path { bytes: [0; LONGEST], length: 0 };

    /// Adds to the path, as much as fits before the zero at the end. One that is full is longer than the system
    /// takes, whatever is missing.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(LONGEST - 1 - self.length);
        self.bytes[self.length..self.length + length].copy_from_slice(&bytes[..length]);
        self.length += length;
        self.bytes[self.length] = 0;
    }

    /// Makes it that path.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.length = 0;
        self.push(bytes);
    }

    fn push_number(&mut self, mut number: u64) {
        let mut digits = [0u8; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }

    pub(crate) fn as_path(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt;
        std::path::Path::new(std::ffi::OsStr::from_bytes(self.bytes()))
    }

    /// Puts the process's id before the last extension: where two processes have the same output path.
    pub(crate) fn insert_pid(&mut self, pid: u32) {
        let name = self.bytes().iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let dot = self.bytes()[name..].iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0);
        let (stem, end) = (dot.map_or(self.length, |dot| name + dot), self.length);
        // After what there is, from where it is turned to its place.
        self.push(b".");
        self.push_number(pid.into());
        self.bytes[stem..self.length].rotate_left(end - stem);
    }

    /// Makes it a pattern with its marks filled in: `%p` is the process's id, `%e` the program's name, `%n` the number
    /// of the dump.
    pub(crate) fn fill(&mut self, pattern: &[u8], pid: u32, program: &[u8], number: u64) {
        self.set(b"");
        let mut rest = pattern;
        while let Some((&byte, after)) = rest.split_first() {
            match (byte, after.first()) {
                (b'%', Some(b'p')) => self.push_number(pid.into()),
                (b'%', Some(b'e')) => self.push(program),
                (b'%', Some(b'n')) => self.push_number(number),
                (b'%', Some(b'%')) => self.push(b"%"),
                _ => {
                    self.push(&[byte]);
                    rest = after;
                    continue;
                }
            }
            rest = &after[1..];
        }
    }
}

/// Where the dump at the end goes, and its spool. Written once, at the first allocation.
pub(crate) struct Output {
    paths: UnsafeCell<Paths>,
    set: AtomicBool,
    spooled: AtomicBool,
    pid: AtomicU32,
}

/// The paths, and what they are made from.
pub(crate) struct Paths {
    pub(crate) dump: Path,
    pub(crate) spool: Path,
    /// With its marks.
    pub(crate) pattern: Path,
    /// Whether another process has the path, so that this one's id was put into it.
    pub(crate) shared: bool,
}

// SAFETY: the paths are written once, by `settle`, before the flag with which they are read is raised.
unsafe impl Sync for Output {}

pub(crate) static OUTPUT: Output = Output {
    paths: UnsafeCell::new(Paths {
        dump: Path::EMPTY,
        spool: Path::EMPTY,
        pattern: Path::EMPTY,
        shared: false,
    }),
    set: AtomicBool::new(false),
    spooled: AtomicBool::new(false),
    pid: AtomicU32::new(0),
};

impl Output {
    /// Has `f` write the paths and open the spool's file, if it can.
    ///
    /// # Safety
    ///
    /// To be called at most once, before recording starts.
    pub(crate) unsafe fn settle(&self, f: impl FnOnce(&mut Paths) -> Option<i32>) -> Option<i32> {
        // SAFETY: nobody reads the paths before the flag is raised, and by the contract nobody else writes them.
        let file = f(unsafe { &mut *self.paths.get() });
        self.spooled.store(file.is_some(), Relaxed);
        self.pid.store(std::process::id(), Relaxed);
        self.set.store(true, Release);
        file
    }

    fn paths(&self) -> Option<&Paths> {
        if !self.set.load(Acquire) || self.pid.load(Relaxed) != std::process::id() {
            return None;
        }
        // SAFETY: the flag is up, so the paths were written, and are never written again.
        Some(unsafe { &*self.paths.get() })
    }

    /// The dump's path, if this is the process that it was meant for and not the child of a fork.
    pub(crate) fn get(&self) -> Option<&Path> {
        Some(&self.paths()?.dump)
    }

    /// Makes a path that of the dump with a number: the same where the pattern has no mark for it. False in the child
    /// of a fork.
    pub(crate) fn numbered(&self, number: u64, path: &mut Path) -> bool {
        let Some(paths) = self.paths() else { return false };
        let mut buffer = [0; 1024];
        let pid = std::process::id();
        path.fill(paths.pattern.bytes(), pid, crate::lifecycle::start::program_name(&mut buffer), number);
        if paths.shared {
            path.insert_pid(pid);
        }
        true
    }

    /// The path of the spool file, if there is one.
    pub(crate) fn spool(&self) -> Option<&Path> {
        self.paths().filter(|_| self.spooled.load(Relaxed)).map(|paths| &paths.spool)
    }

    /// Removes the spool file, which can't be used, or isn't needed any more.
    pub(crate) fn give_up_spool(&self) {
        if let Some(spool) = self.spool().filter(|spool| spool::opened_is_at(spool.as_c_str())) {
            // SAFETY: the path is a C string.
            unsafe { libc::unlink(spool.as_c_str().as_ptr()) };
        }
        self.spooled.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(pattern: &str) -> String {
        let mut path = Path::EMPTY;
        path.set(b"something longer than the pattern");
        path.fill(pattern.as_bytes(), 42, b"orders", 3);
        assert_eq!(path.as_c_str().to_bytes(), path.bytes());
        String::from_utf8_lossy(path.bytes()).into_owned()
    }

    #[test]
    fn marks_are_filled_in() {
        assert_eq!(fill("a/%e.%p.%n.json"), "a/orders.42.3.json");
        assert_eq!(fill("100%%/%x%"), "100%/%x%");
        assert_eq!(fill(""), "");
    }

    #[test]
    fn a_second_process_takes_another_name() {
        let with_pid = |text: &str| {
            let mut path = Path::EMPTY;
            path.set(text.as_bytes());
            path.insert_pid(42);
            String::from_utf8_lossy(path.bytes()).into_owned()
        };
        assert_eq!(with_pid("out/release.json"), "out/release.42.json");
        assert_eq!(with_pid("out.d/release"), "out.d/release.42");
        assert_eq!(with_pid(".hidden"), ".hidden.42");
    }

    #[test]
    fn what_is_too_long_is_too_long_for_the_system() {
        let mut path = Path::EMPTY;
        path.fill(&[b'x'; 5000], 1, b"", 0);
        path.insert_pid(42);
        path.push(b".spool");
        assert!(path.as_c_str().count_bytes() >= libc::PATH_MAX as usize);
        let error = std::fs::File::create(path.as_path()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
    }
}
