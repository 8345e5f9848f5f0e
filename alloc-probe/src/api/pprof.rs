//! The heap profile of the running process, for those that watch it.

use super::control;
use crate::lifecycle::threads;
use crate::os::SignalsBlocked;
use crate::pprof::{self, Base};
use crate::{dump, spool};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::snapshot::mode_of;
use alloc_probe_format::spool::header;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::Relaxed;

/// The heap profile of the process so far, as gzipped `profile.proto`: what a service answers at `/debug/pprof/heap`, with
/// the content type `application/octet-stream`.
///
/// It has what was allocated in all (`alloc_objects`, `alloc_space`), what is live (`inuse_objects`, `inuse_space`) and what
/// was live at the peak (`peak_objects`, `peak_space`), by call stack. In [`Mode::Sample`](crate::Mode::Sample) these are
/// unbiased estimates of all blocks. Addresses have no names: `go tool pprof PROGRAM URL`, Pyroscope and Parca look these up
/// in the program, which they find by its path or its build id. The program's arguments are not in it.
///
/// It takes processor time for each site, and memory of the probe's own while it runs, of which nothing is in the profile;
/// the bytes are the program's. No thread waits for it, but for one that wants another profile, or a dump. Where that matters,
/// as in a handler that must not block, call it on a thread for such work.
///
/// # Errors
///
/// If no stacks are recorded: without [`install!`](crate::install), and in the modes `off` and `count`.
pub fn pprof() -> io::Result<Vec<u8>> {
    written(None)
}

/// A moment from which on a profile is to show what happened, for [`pprof_since`].
///
/// It holds 32 bytes for each site, in memory of the probe's own.
#[derive(Debug)]
pub struct PprofStart(Base);

impl PprofStart {
    /// Now.
    ///
    /// # Errors
    ///
    /// As for [`pprof`], and if the system has no memory.
    pub fn now() -> io::Result<PprofStart> {
        has_stacks()?;
        let base = alone(|| threads::in_probe(pprof::base));
        base.map(PprofStart).ok_or_else(|| io::Error::from(ErrorKind::OutOfMemory))
    }
}

/// What was allocated since a moment, and by how much what is live has changed, as gzipped `profile.proto`: what a service
/// answers at `/debug/pprof/heap?seconds=30`, half a minute after the moment. Values of `inuse_objects` and `inuse_space` are
/// below zero where more was freed. There is no peak in it.
///
/// # Errors
///
/// As for [`pprof`].
pub fn pprof_since(start: &PprofStart) -> io::Result<Vec<u8>> {
    written(Some(&start.0))
}

fn written(since: Option<&Base>) -> io::Result<Vec<u8>> {
    has_stacks()?;
    // What it is made of is the arena's, and goes back before there is another; what is handed out is the program's.
    alone(|| {
        let bytes = threads::in_probe(|| pprof::profile(since))?;
        Ok(bytes.as_slice().to_vec())
    })
}

/// One at a time, and none while a dump is written: so no more of the arena is taken than one of them needs. A signal that
/// arrives on this thread waits: it may have a dump written.
fn alone<T>(f: impl FnOnce() -> T) -> T {
    let _blocked = SignalsBlocked::new();
    let _held = dump::one_at_a_time();
    f()
}

fn has_stacks() -> io::Result<()> {
    if !control::prepared() {
        return Err(io::Error::other(control::NOTHING));
    }
    match mode_of(spool::header()[header::MODE].load(Relaxed)) {
        Mode::Sample | Mode::Full => Ok(()),
        Mode::Off | Mode::Count => Err(io::Error::new(ErrorKind::Unsupported, NO_STACKS)),
    }
}

const NO_STACKS: &str = "no stacks are recorded here: start the program with ALLOC_PROBE=sample, or call \
     alloc_probe::set_mode(Mode::Sample)";
