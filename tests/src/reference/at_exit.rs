//! Writes the record at the process's normal end, without allocating: an allocation here would be one more for
//! the probe to count.

use super::{TableMemory, TableVec, record};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::FromRawFd;

/// Has the figures written at the end, and the log where one is wanted; says whether it is.
pub(super) fn register() -> bool {
    // SAFETY: `write_record` has the signature that `atexit` wants, and doesn't unwind.
    unsafe { libc::atexit(write_record) };
    variable(c"REFERENCE_LOG").is_some()
}

extern "C" fn write_record() {
    let (figures, errors, log) = {
        let mut record = record();
        (record.figures, record.errors, record.log.take())
    };
    let mut text = TableVec::<u8, TableMemory>::new_in(TableMemory);
    // A file that is missing or empty tells the suite that something is wrong, so no failure here needs words.
    if errors == 0 {
        let _ = serde_json::to_writer(Text(&mut text), &figures);
    }
    write(c"REFERENCE_OUT", &text);
    text.clear();
    for call in log.iter().flatten() {
        let _ = writeln!(Text(&mut text), "{call}");
    }
    write(c"REFERENCE_LOG", &text);
}

/// Writes a file that a variable names, if it does.
fn write(name: &CStr, text: &[u8]) {
    let Some(path) = variable(name) else { return };
    let flags = libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: `path` ends with a zero byte, and `O_CREAT` comes with a mode.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags, 0o644) };
    if descriptor >= 0 {
        // SAFETY: the descriptor has just been opened here, and nothing else knows of it.
        let _ = unsafe { File::from_raw_fd(descriptor) }.write_all(text);
    }
}

/// An environment variable, read without a copy of it.
fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: `name` ends with a zero byte. The subjects never change their environment, so the value stays.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: what `getenv` returns is null or a string that ends with a zero byte, and stays, see above.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

/// Text in the record's own memory.
struct Text<'a>(&'a mut TableVec<u8, TableMemory>);

impl Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
