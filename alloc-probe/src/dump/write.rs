//! Writing the dump: the process's own spool, read as any reader would, to a temporary file that gets its name when
//! it is whole.
//!
//! All of this is library code that allocates; it runs on a thread marked as the probe's own, so that the arena
//! serves it. It may run in the name of a thread that a signal has interrupted anywhere, inside `malloc` for one: so
//! what it calls takes no memory from the C library, and no lock that such a thread may hold.

use super::instant::Instant;
use super::memory::facts::Facts;
use super::target::{self, Target};
use crate::mode;
use crate::os;
use crate::os::clock;
use crate::os::lock::Lock;
use crate::profile::timeline;
use crate::record::prepare;
use crate::thread::registry;
use alloc_probe_format::Serialize;
use alloc_probe_format::dump::{Ended, Memory};
use alloc_probe_format::snapshot::{Now, streamed};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// One dump is written at a time.
static WRITING: Lock = Lock::new();

/// Whether the last dump was written, after which none is due.
static LAST: AtomicBool = AtomicBool::new(false);

/// Writes the dump of a process that ends.
pub(crate) fn write_last(path: &Path, ended: Ended, signal: Option<i32>) -> io::Result<()> {
    let _held = WRITING.lock_patiently();
    LAST.store(true, Relaxed);
    write_now(path, ended, signal)
}

/// Writes a dump of a process that goes on. One that is due, rather than asked for, is left out where the process has
/// come to its end meanwhile.
pub(crate) fn write(path: &Path, due: bool) -> io::Result<()> {
    let _held = WRITING.lock_patiently();
    if due && LAST.load(Relaxed) { Ok(()) } else { write_now(path, Ended::Running, None) }
}

/// Waits until no dump is being written, and holds back the next until the result is dropped: so that no more of the arena is
/// taken than one of them needs. Signals are put off, as they may write a dump.
#[cfg(feature = "pprof")]
pub(crate) fn one_at_a_time() -> crate::os::lock::LockGuard<'static> {
    WRITING.lock_patiently()
}

/// In the child of a fork: the thread that held the lock does not exist.
pub(crate) fn reset_after_fork() {
    WRITING.reset();
}

fn write_now(path: &Path, ended: Ended, signal: Option<i32>) -> io::Result<()> {
    // First, while nothing is resident that only the dump needs.
    timeline::take_now();
    let Facts { memory, probe, sites } = Facts::now(ended != Ended::Signal);
    registry::refresh_names();
    if mode::has_stacks() {
        prepare::list_images();
    }
    let (ticks, mono_ns) = (clock::ticks(), os::monotonic_ns());
    let now = Now { ticks, mono_ns, ended, signal, from_spool: false };
    let instant = Instant::now();
    instant.measure_stacks();
    let mut dump = streamed(&instant, now, &*sites);
    dump.memory = Memory { at_peak: dump.memory.at_peak, ..memory };
    dump.probe = probe;
    #[cfg(feature = "checked-stacks")]
    dump.lost.notes.push(crate::capture::verdict());
    save(path, &dump)
}

/// Writes a dump to a path: a file gets it whole or not at all, anything else as it is.
pub(crate) fn save(path: &Path, dump: &impl Serialize) -> io::Result<()> {
    match Target::of(path)? {
        Target::File(path) => {
            let (temporary, file) = target::create_beside(&path)?;
            let result = write_to(file, dump).and_then(|()| fs::rename(&temporary, path));
            if result.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            result
        }
        Target::Stream(file) => target::without_sigpipe(|| write_to(file, dump)),
    }
}

fn write_to(file: File, dump: &impl Serialize) -> io::Result<()> {
    // The limit on the size of files is one of regular files; of one that was begun, some is used up.
    let left = match file.metadata()?.is_file() {
        true => os::limit(libc::RLIMIT_FSIZE).saturating_sub((&file).stream_position()?),
        false => u64::MAX,
    };
    let mut writer = BufWriter::with_capacity(1 << 16, Limited { file, left });
    serde_json::to_writer(&mut writer, dump)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

/// A file that refuses what goes beyond the limit on the size of files, for which the kernel would send SIGXFSZ.
struct Limited {
    file: File,
    left: u64,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        let written = self.file.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
