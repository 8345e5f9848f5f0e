//! From a file to a sound [`Dump`]: read, decompress, parse, check.
//!
//! Later stages index by what a dump says without looking twice, so nothing leaves here unchecked.
//! What a file is, its first bytes say; its name does not matter.

mod builder;
mod check;
mod compressed;
mod dhat;
mod heaptrack;
mod jemalloc;
mod json;
mod main_program;
mod pprof;
pub mod process;
mod read;
mod refusal;
mod streamed;

use crate::error::{Error, io_reason};
use alloc_probe_format::dump::Dump;
use alloc_probe_format::spool_file::SpoolFile;
use read::{LIMIT_BYTES, monotonic_ns, read_within};
use refusal::Refusal;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Reads a dump.
///
/// # Errors
///
/// Where the file can't be read or is no sound dump, with the reason.
pub fn load(path: &Path) -> Result<Dump, Error> {
    let cannot = |error: io::Error| Error::read(path, io_reason(&error));
    let mut file = File::open(path).map_err(cannot)?;
    if let Some(dump) = of_stream(&mut file).map_err(cannot)? {
        return finish(dump).map_err(|refusal| refusal.of(path));
    }
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

/// The dump of a file that is one in JSON as it is. Of any other, nothing is lost.
fn of_stream(file: &mut File) -> io::Result<Option<Dump>> {
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut head = [0; streamed::HEAD_BYTES];
    let is_dump = match file.read_exact(&mut head) {
        Ok(()) => streamed::is_one(&head),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    file.rewind()?;
    let dump = if is_dump { streamed::parse(&mut *file, LIMIT_BYTES) } else { None };
    if dump.is_none() {
        file.rewind()?;
    }
    Ok(dump)
}

/// Whether a process still records into a spool: its lock is gone with it.
fn is_locked(spool: &File) -> bool {
    let asked = rustix::fs::flock(spool, FlockOperation::NonBlockingLockShared);
    asked == Err(rustix::io::Errno::WOULDBLOCK)
}

/// Makes a dump of the bytes of a file, decompressed to at most `limit` bytes. A spool may be that of a process that is
/// running.
fn parse(bytes: &[u8], limit: u64, running: bool) -> Result<Dump, Refusal> {
    // Of all files, this may be too large to be held as it is.
    let head = compressed::head(bytes);
    if heaptrack::is_one(&head) {
        return finish(compressed::stream(bytes, heaptrack::LIMIT_BYTES, heaptrack::parse)?);
    }
    if streamed::is_one(&head) {
        if let Some(dump) = streamed::parse(compressed::reader(bytes), limit) {
            return finish(dump);
        }
    }
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
        if running { spool.dump_of_running(monotonic_ns(), &()) } else { of_killed(&spool) }
    } else if jemalloc::is_one(&text) {
        jemalloc::parse(&text)?
    } else if pprof::is_one(&text) {
        pprof::parse(&text)?
    } else {
        json::parse(&text)?
    };
    finish(dump)
}

/// Names a dump's main program, and checks it.
fn finish(mut dump: Dump) -> Result<Dump, Refusal> {
    main_program::name(&mut dump);
    check::check(&dump)?;
    Ok(dump)
}

/// The dump of a process that is gone, with what its control group says by now, as long as there is one.
fn of_killed(spool: &SpoolFile) -> Dump {
    let mut dump = spool.dump();
    if let (Some(group), Some(noted)) = (&mut dump.memory.cgroup, spool.cgroup()) {
        group.oom_kills = noted.oom_kills_now();
    }
    dump
}

#[cfg(test)]
mod tests;
