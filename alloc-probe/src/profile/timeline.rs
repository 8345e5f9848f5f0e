//! The heap over time, in a table of fixed size: when it is full, every second sample goes and the interval doubles.
//!
//! Nobody wakes up for it: whichever thread allocates first after the interval takes the sample. In the same way, and by the
//! same comparison, whoever waits for the heap to grow is woken: at the first allocation after so many milliseconds.

use crate::os;
use crate::os::clock;
use crate::os::lock::Lock;
use crate::profile::resident::{self, Resident};
use crate::profile::totals::Sum;
use crate::spool;
use alloc_probe_format::spool::{Section, TIMELINE_LIMIT, header, sample};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// When the next sample is due, or a look, in ticks.
static DUE: AtomicU64 = AtomicU64::new(0);

/// When the next sample is due.
static SAMPLE_DUE: AtomicU64 = AtomicU64::new(0);

/// At most so often, in ticks, somebody is woken who looks at the figures; 0 where nobody does.
static LOOK_TICKS: AtomicU64 = AtomicU64::new(0);

/// What such a thread waits at: it changes with each wake.
pub(crate) static WAKES: AtomicU32 = AtomicU32::new(0);

/// Where taking samples takes long, as with ten thousand threads, it gets this share of the time at the most. What counts is
/// the processor time that it takes: a thread that had to wait for a processor would leave a gap in the timeline, and a
/// gap looks like a pause in the program's work.
const SHARE: u64 = 128;

/// Prepares the table. Called once.
pub(crate) fn create() {
    if spool::ensure(Section::TIMELINE, TIMELINE_LIMIT * sample::WORDS * 8) {
        spool::header()[header::TIMELINE_TICKS].store(clock::MILLISECOND_TICKS, Relaxed);
        DUE.store(clock::ticks(), Relaxed);
    } else {
        DUE.store(u64::MAX, Relaxed);
    }
}

/// Takes a sample if one is due.
#[inline(always)]
pub(crate) fn tick(now: u64) {
    if now >= DUE.load(Relaxed) {
        take(now, false);
    }
}

/// From now on, whoever waits at [`WAKES`] is woken by allocations, at most once in so many milliseconds.
pub(crate) fn wake_each(milliseconds: u64) {
    LOOK_TICKS.store(milliseconds * clock::MILLISECOND_TICKS, Relaxed);
    if DUE.load(Relaxed) != u64::MAX {
        DUE.store(clock::ticks(), Relaxed);
    }
}

/// Wakes whoever waits at [`WAKES`].
pub(crate) fn wake() {
    WAKES.fetch_add(1, Release);
    // SAFETY: the word lives as long as the program.
    os::keeping_errno(|| unsafe { libc::syscall(libc::SYS_futex, WAKES.as_ptr(), libc::FUTEX_WAKE, 1) });
}

/// Takes a last sample, as for a dump.
pub(crate) fn take_now() {
    take(clock::ticks(), true);
}

#[cold]
#[inline(never)]
fn take(now: u64, last: bool) {
    static TABLE: Lock = Lock::new();
    let Some(_held) = TABLE.try_lock() else { return };
    if DUE.load(Relaxed) == u64::MAX || (!last && now < DUE.load(Relaxed)) {
        return;
    }
    let look = LOOK_TICKS.load(Relaxed);
    if look != 0 && !last {
        wake();
    }
    if !last && now < SAMPLE_DUE.load(Relaxed) {
        DUE.store(SAMPLE_DUE.load(Relaxed).min(now.saturating_add(look)), Relaxed);
        return;
    }
    let header = spool::header();
    let count = &header[header::COUNTS + Section::TIMELINE.0];
    if count.load(Relaxed) as usize == TIMELINE_LIMIT {
        halve();
    }
    let index = count.load(Relaxed) as usize;
    let before_ns = os::thread_cpu_ns();
    let resident = resident::now();
    let words = sample_at(now, resident);
    for (word, value) in words.into_iter().enumerate() {
        place(index, word).store(value, Relaxed);
    }
    count.store(index as u64 + 1, Release);
    resident::at_sample(words[sample::LIVE_BYTES] as i64, resident, now);

    header[header::LAST_MONO_NS].store(os::monotonic_ns(), Relaxed);
    header[header::LAST_TICKS].store(clock::ticks(), Relaxed);
    let took_ns = os::thread_cpu_ns().saturating_sub(before_ns);
    let took = (took_ns / 1000).saturating_mul(clock::MILLISECOND_TICKS / 1000);
    let interval = header[header::TIMELINE_TICKS].load(Relaxed).max(took.saturating_mul(SHARE));
    let due = now.saturating_add(interval);
    SAMPLE_DUE.store(due, Relaxed);
    DUE.store(if look == 0 { due } else { due.min(now.saturating_add(look)) }, Relaxed);
}

/// The first words of a sample: the process as it is, at the time `now`.
pub(crate) fn sample_at(now: u64, resident: Option<Resident>) -> [u64; sample::RESIDENT + 1] {
    let sum = Sum::of_process();
    let mut words = [0; sample::RESIDENT + 1];
    words[sample::TICKS] = now.wrapping_sub(spool::header()[header::START_TICKS].load(Relaxed));
    words[sample::LIVE_BYTES] = sum.live.0.max(0) as u64;
    words[sample::LIVE_BLOCKS] = sum.live.1.max(0) as u64;
    words[sample::TOTAL_BYTES] = sum.total.0;
    words[sample::TOTAL_BLOCKS] = sum.total.1;
    words[sample::RESIDENT] = resident.map_or(0, |resident| resident.bytes);
    words
}

fn halve() {
    let header = spool::header();
    for index in 0..TIMELINE_LIMIT / 2 {
        for word in 0..sample::WORDS {
            // The later of two: what is counted since the start stays right.
            place(index, word).store(place(2 * index + 1, word).load(Relaxed), Relaxed);
        }
    }
    header[header::COUNTS + Section::TIMELINE.0].store(TIMELINE_LIMIT as u64 / 2, Release);
    let interval = &header[header::TIMELINE_TICKS];
    interval.store(interval.load(Relaxed).saturating_mul(2), Relaxed);
}

fn place(index: usize, word: usize) -> &'static AtomicU64 {
    // SAFETY: `create` made room for `TIMELINE_LIMIT` samples, and both indexes are below their limits.
    unsafe { &*spool::base(Section::TIMELINE).add(index * sample::WORDS + word) }
}
