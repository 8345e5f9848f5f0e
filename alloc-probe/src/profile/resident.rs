//! The process's resident memory: now, and as it was at the peak of live bytes, or as near to that as it was read.
//!
//! Memory becomes resident when it is touched, so what was allocated at a peak is not resident yet. Two readings catch
//! it. One is taken when the heap *falls* from a peak: before the first free, where one thread alone allocates, and with
//! several at the first free that any of them flushes, which is before the inner allocator gets the block
//! back. Only a peak that is larger than the last one read by 1/32, and by 64 KiB, is read so: there can't be more than
//! some hundreds in a process's life. The other is the sample of the timeline, which is taken anyway: memory may be
//! touched long after the heap's first fall. Of the readings with at least 31/32 of the peak live, the one with the most
//! resident is kept.

use crate::os::arena;
use crate::os::clock;
use crate::os::lock::Lock;
use crate::{os, spool};
use alloc_probe_format::spool::{header, peak_memory as word};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};

/// What the system says, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    pub(crate) bytes: u64,
    /// Of these, pages of files and of shared memory.
    pub(crate) shared_bytes: u64,
}

/// The resident memory now, without what a dump takes that is being written; none where the system does not tell.
pub(crate) fn now() -> Option<Resident> {
    let mut buffer = [0u8; 128];
    let text = os::keeping_errno(|| os::read_small(c"/proc/self/statm", &mut buffer))?;
    // SAFETY: `sysconf` has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(0) as u64;
    let mut fields = text.split(|byte| *byte == b' ').skip(1).map(|digits| {
        digits
            .iter()
            .fold(0u64, |pages, digit| {
                pages.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
            })
            .wrapping_mul(page)
    });
    let (bytes, shared_bytes) = (fields.next()?, fields.next()?);
    let of_dump = os::keeping_errno(arena::resident_bytes);
    Some(Resident { bytes: bytes.saturating_sub(of_dump), shared_bytes })
}

/// The least by which a peak must exceed the last one read.
const STEP: i64 = 64 << 10;

/// Live bytes above which a peak is read when it's over.
static NEXT: AtomicI64 = AtomicI64::new(STEP);

/// Who takes a reading, or looks at the one that is kept. Nobody waits for it.
static READING: Lock = Lock::new();

/// The reading that is kept: its live and resident bytes, and how many were kept before.
static LIVE: AtomicI64 = AtomicI64::new(0);
static RESIDENT: AtomicU64 = AtomicU64::new(0);
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Call when live bytes are about to drop from `live`, or when a drop was just flushed. What is freed is still the
/// program's memory.
#[inline(always)]
pub(crate) fn at_fall(live: i64) {
    if live > NEXT.load(Relaxed) {
        read(live);
    }
}

#[cold]
#[inline(never)]
fn read(live: i64) {
    let Some(_held) = READING.try_lock() else { return };
    if is_near(live, peak(live)) {
        NEXT.store(live.saturating_add((live / 32).max(STEP)), Relaxed);
        keep_better(live, now(), clock::ticks());
    }
}

/// To be called with each sample of the timeline: what was live and resident at that time.
pub(crate) fn at_sample(live: i64, resident: Option<Resident>, ticks: u64) {
    let Some(_held) = READING.try_lock() else { return };
    if is_near(live, peak(live)) {
        keep_better(live, resident, ticks);
    }
}

/// The peak so far, where so much is live now: one that is not over is not noted yet.
fn peak(live: i64) -> i64 {
    live.max(spool::header()[header::PEAK].load(Relaxed) as i64)
}

fn is_near(live: i64, peak: i64) -> bool {
    live >= peak - peak / 32
}

/// Keeps a reading that is near the peak, unless there is another with more resident.
fn keep_better(live: i64, resident: Option<Resident>, ticks: u64) {
    let Some(Resident { bytes, shared_bytes }) = resident else { return };
    if arena::used_bytes() > STEP as usize {
        return; // It is what a dump takes that is being written.
    }
    if is_near(LIVE.load(Relaxed), peak(live)) && RESIDENT.load(Relaxed) >= bytes {
        return;
    }
    LIVE.store(live, Relaxed);
    RESIDENT.store(bytes, Relaxed);
    let header = spool::header();
    let mut words = [0; word::WORDS];
    words[word::TICKS] = ticks.wrapping_sub(header[header::START_TICKS].load(Relaxed));
    words[word::LIVE] = live as u64;
    words[word::RESIDENT] = bytes;
    words[word::SHARED] = shared_bytes;
    words[word::SPOOL] = spool::taken_bytes();
    words[word::THREADS] = header[header::THREADS_ALIVE].load(Relaxed);
    words[word::CHECK] = word::check(&words);
    // Two places in turn: there is always one that is whole, also if the process is killed right here.
    let place = KEPT.fetch_add(1, Relaxed) as usize % header::PEAK_MEMORY_PLACES;
    let place = &header[header::PEAK_MEMORY + place * word::WORDS..];
    place.iter().zip(words).for_each(|(to, value)| to.store(value, Relaxed));
}
