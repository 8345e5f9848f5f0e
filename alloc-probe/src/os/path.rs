//! Paths as the system takes them, in memory of a fixed size.

use std::ffi::CStr;

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
