//! Messages on standard error, without allocating.

use std::fmt::Write as _;

/// Says one line on standard error.
pub(crate) fn complain(parts: &[&[u8]]) {
    let mut line = [0u8; 1024];
    let mut length = 0;
    let bytes = [b"alloc-probe: ".as_slice()].into_iter().chain(parts.iter().copied()).flatten();
    for (place, &byte) in line[..1023].iter_mut().zip(bytes) {
        // Whatever is in a path or a variable, it stays one line.
        *place = if byte.is_ascii_control() { b'?' } else { byte };
        length += 1;
    }
    line[length] = b'\n';
    // SAFETY: the buffer is longer than that.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), length + 1) };
}

/// Says that a path can't be written, why, and what follows from that.
pub(crate) fn complain_of_path(path: &[u8], reason: &std::io::Error, consequence: &str) {
    // Whatever the path, there is room for the rest of the line.
    let path = &path[..path.len().min(600)];
    let mut text = Line::<256>::new();
    match reason.raw_os_error() {
        Some(code) => text.push_error(code),
        // Said in words of the probe's own.
        None => {
            let _ = write!(text, "{reason}");
        }
    }
    complain(&[b"cannot write `", path, b"`: ", text.bytes(), b"; ", consequence.as_bytes()]);
}

/// Some text that needs no allocation. What doesn't fit is left out.
pub(crate) struct Line<const LIMIT: usize> {
    bytes: [u8; LIMIT],
    length: usize,
}

impl<const LIMIT: usize> Line<LIMIT> {
    pub(crate) fn new() -> Line<LIMIT> {
        Line { bytes: [0; LIMIT], length: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds what the system says of an error by its number.
    pub(crate) fn push_error(&mut self, code: i32) {
        let rest = &mut self.bytes[self.length..];
        // SAFETY: the buffer is writable for its length, and the call ends what it writes with a zero.
        unsafe { libc::strerror_r(code, rest.as_mut_ptr().cast(), rest.len()) };
        self.length += rest.iter().position(|&byte| byte == 0).unwrap_or(0);
    }
}

impl<const LIMIT: usize> std::fmt::Write for Line<LIMIT> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let length = text.len().min(LIMIT - self.length);
        self.bytes[self.length..self.length + length].copy_from_slice(&text.as_bytes()[..length]);
        self.length += length;
        Ok(())
    }
}
