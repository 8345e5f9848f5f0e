//! Where dumps go: the output path with its marks filled in, and the spool beside it.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// As long as the system's longest and some more, so that what is cut is refused.
const LONGEST: usize = libc::PATH_MAX as usize + 64;

/// A path as the system calls take it: zero-terminated, without allocating.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Path {
    pub(crate) const EMPTY: Path = Path { bytes: [0; LONGEST], length: 0 };

    /// Adds to the path, as much as fits before the zero at the end. One that is full is longer than the system
    /// takes, whatever is missing.
    fn push(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(LONGEST - 1 - self.length);
        self.bytes[self.length..self.length + length].copy_from_slice(&bytes[..length]);
        self.length += length;
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

    /// This path with an ending added.
    pub(crate) fn with(&self, ending: &[u8]) -> Path {
        let mut path = *self;
        path.push(ending);
        path
    }

    /// This path with the process's id before its last extension: where two processes have the same output path.
    pub(crate) fn with_pid(&self, pid: u32) -> Path {
        let name = self.bytes().iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let dot = self.bytes()[name..].iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0);
        let (stem, extension) = self.bytes().split_at(dot.map_or(self.length, |dot| name + dot));
        let mut path = Path::EMPTY;
        path.push(stem);
        path.push(b".");
        path.push_number(pid.into());
        path.push(extension);
        path
    }

    /// Fills in the marks of a path: `%p` the process's id, `%e` the program's name, `%n` the number of the dump.
    pub(crate) fn fill(pattern: &[u8], pid: u32, program: &[u8], number: u64) -> Path {
        let mut path = Path::EMPTY;
        let mut rest = pattern;
        while let Some((&byte, after)) = rest.split_first() {
            match (byte, after.first()) {
                (b'%', Some(b'p')) => path.push_number(pid.into()),
                (b'%', Some(b'e')) => path.push(program),
                (b'%', Some(b'n')) => path.push_number(number),
                (b'%', Some(b'%')) => path.push(b"%"),
                _ => {
                    path.push(&[byte]);
                    rest = after;
                    continue;
                }
            }
            rest = &after[1..];
        }
        path
    }
}

/// Where the dump at the end goes, and whether its spool is a file. Written once, at the first allocation.
pub(crate) struct Output {
    path: std::cell::UnsafeCell<Path>,
    set: AtomicBool,
    spooled: AtomicBool,
    pid: AtomicUsize,
}

// SAFETY: `path` is written once, by `set`, before the flag with which `get` reads it is raised.
unsafe impl Sync for Output {}

pub(crate) static OUTPUT: Output = Output {
    path: std::cell::UnsafeCell::new(Path::EMPTY),
    set: AtomicBool::new(false),
    spooled: AtomicBool::new(false),
    pid: AtomicUsize::new(0),
};

impl Output {
    /// Says where the dump goes. Called at most once, before recording starts.
    pub(crate) fn set(&self, path: &Path, spooled: bool, pid: u32) {
        // SAFETY: nobody reads the path before the flag is raised, and recording has not started: there is no
        // second caller.
        unsafe { *self.path.get() = *path };
        self.spooled.store(spooled, Relaxed);
        self.pid.store(pid as usize, Relaxed);
        self.set.store(true, std::sync::atomic::Ordering::Release);
    }

    /// The dump's path, if this is the process that it was meant for and not the child of a fork.
    pub(crate) fn get(&self) -> Option<&Path> {
        if !self.set.load(std::sync::atomic::Ordering::Acquire) {
            return None;
        }
        // SAFETY: the flag is up, so the path was written, and is never written again.
        (self.pid.load(Relaxed) == std::process::id() as usize).then(|| unsafe { &*self.path.get() })
    }

    /// Removes the spool file, which can't be used.
    pub(crate) fn give_up_spool(&self) {
        if let Some(spool) = self.spool() {
            // SAFETY: the path is a C string.
            unsafe { libc::unlink(spool.as_c_str().as_ptr()) };
        }
        self.spooled.store(false, Relaxed);
    }

    /// The path of the spool file, if there is one.
    pub(crate) fn spool(&self) -> Option<Path> {
        self.get().filter(|_| self.spooled.load(Relaxed)).map(|path| path.with(b".spool"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(pattern: &str) -> String {
        String::from_utf8_lossy(Path::fill(pattern.as_bytes(), 42, b"orders", 3).bytes()).into_owned()
    }

    #[test]
    fn marks_are_filled_in() {
        assert_eq!(fill("a/%e.%p.%n.json"), "a/orders.42.3.json");
        assert_eq!(fill("100%%/%x%"), "100%/%x%");
        assert_eq!(fill(""), "");
    }

    #[test]
    fn a_second_process_takes_another_name() {
        let with_pid = |path: &str| {
            let path = Path::fill(path.as_bytes(), 0, b"", 0);
            String::from_utf8_lossy(path.with_pid(42).bytes()).into_owned()
        };
        assert_eq!(with_pid("out/release.json"), "out/release.42.json");
        assert_eq!(with_pid("out.d/release"), "out.d/release.42");
        assert_eq!(with_pid(".hidden"), ".hidden.42");
    }

    #[test]
    fn what_is_too_long_is_too_long_for_the_system() {
        let path = Path::fill(&[b'x'; 5000], 1, b"", 0).with(b".spool").with_pid(42);
        assert!(path.as_c_str().count_bytes() >= libc::PATH_MAX as usize);
        let error = std::fs::File::create(path.as_path()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
    }
}
