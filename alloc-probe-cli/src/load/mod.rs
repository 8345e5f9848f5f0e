//! From a file to a sound [`Dump`]: read, decompress, parse, check.
//!
//! Later stages index by what a dump says without looking twice, so nothing leaves here unchecked.
//! What a file is, its first bytes say; its name does not matter.

mod check;
mod compressed;
mod dhat;
mod json;
pub mod process;
mod stacks;

use crate::error::{Error, io_reason};
use alloc_probe_format::dump::Dump;
use alloc_probe_format::spool_file::SpoolFile;
use rustix::fs::FlockOperation;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No dump comes near it, but a few compressed bytes can become more than any memory holds.
const LIMIT_BYTES: u64 = 2 << 30;

const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Reads a dump.
///
/// # Errors
///
/// Where the file can't be read or is no sound dump, with the reason.
pub fn load(path: &Path) -> Result<Dump, Error> {
    let cannot = |error: io::Error| Error::read(path, io_reason(&error));
    let file = File::open(path).map_err(cannot)?;
    let bytes = read_within(&file, LIMIT_BYTES).map_err(cannot)?;
    let running = SpoolFile::is_spool(&bytes) && is_locked(&file);
    parse(&bytes, LIMIT_BYTES, running).map_err(|refusal| refusal.of(path))
}

/// Makes a dump of the bytes of a file that was at a path.
///
/// # Errors
///
/// Where they are no sound dump, with the reason.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Dump, Error> {
    parse(bytes, LIMIT_BYTES, false).map_err(|refusal| refusal.of(path))
}

/// Whether a process still records into a spool: its lock is gone with it.
fn is_locked(spool: &File) -> bool {
    let asked = rustix::fs::flock(spool, FlockOperation::NonBlockingLockShared);
    asked == Err(rustix::io::Errno::WOULDBLOCK)
}

/// The system's monotonic clock, by which every process of the machine records.
fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Makes a dump of the bytes of a file, decompressed to at most `limit` bytes. A spool may be that of a process that is
/// running.
fn parse(bytes: &[u8], limit: u64, running: bool) -> Result<Dump, Refusal> {
    let text = compressed::decompress(bytes, limit)?;
    if text.is_empty() {
        return Err(Refusal::new("the file is empty"));
    }
    if text.starts_with(ELF_MAGIC) {
        return Err(Refusal::new("it is a program, not a dump")
            .with_hint("`alloc-probe run -- PROGRAM` runs a program and leaves a dump"));
    }
    // A program that was killed leaves its spool behind.
    let dump = if SpoolFile::is_spool(&text) {
        let spool = SpoolFile::parse(&text).map_err(Refusal::new)?;
        if running { spool.dump_of_running(monotonic_ns()) } else { spool.dump() }
    } else {
        json::parse(&text)?
    };
    check::check(&dump)?;
    Ok(dump)
}

/// Reads to the end, but never more than `limit` bytes.
fn read_within(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it holds more than {}, as no dump does", crate::term::units::bytes(limit));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// Why bytes are no sound dump.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    reason: String,
    hint: Option<&'static str>,
}

impl Refusal {
    fn new(reason: impl fmt::Display) -> Refusal {
        Refusal { reason: reason.to_string(), hint: None }
    }

    fn with_hint(self, hint: &'static str) -> Refusal {
        Refusal { hint: Some(hint), ..self }
    }

    fn of(self, path: &Path) -> Error {
        let error = Error::read(path, self.reason);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests;
