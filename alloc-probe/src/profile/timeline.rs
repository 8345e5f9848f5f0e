//! The heap over time, in a table of fixed size: when it is full, the interval doubles, and samples that are nearer to each
//! other go.
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
        thin();
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

/// Makes room in a table that is full.
fn thin() {
    let header = spool::header();
    let ticks = |index| place(index, sample::TICKS).load(Relaxed);
    let interval = coarser(header[header::TIMELINE_TICKS].load(Relaxed), ticks);
    let mut kept = 0;
    for index in far_enough(interval, ticks) {
        for word in 0..sample::WORDS {
            place(kept, word).store(place(index, word).load(Relaxed), Relaxed);
        }
        kept += 1;
    }
    header[header::COUNTS + Section::TIMELINE.0].store(kept as u64, Release);
    header[header::TIMELINE_TICKS].store(interval, Relaxed);
}

/// Doubles an interval until at most half of the samples are that far from each other: every second one, or fewer where
/// older ones are further apart than later ones, as of a program that did little then. So the timeline is as fine
/// everywhere.
fn coarser(mut interval: u64, ticks: impl Fn(usize) -> u64 + Copy) -> u64 {
    loop {
        interval = interval.saturating_mul(2);
        if far_enough(interval, ticks).count() <= TIMELINE_LIMIT / 2 {
            return interval;
        }
    }
}

/// The first of all samples, and each that is so far from the last of these.
fn far_enough(interval: u64, ticks: impl Fn(usize) -> u64) -> impl Iterator<Item = usize> {
    let mut last = None;
    (0..TIMELINE_LIMIT).filter(move |&index| {
        let far = last.is_none_or(|last| ticks(index).saturating_sub(last) >= interval);
        last = if far { Some(ticks(index)) } else { last };
        far
    })
}

fn place(index: usize, word: usize) -> &'static AtomicU64 {
    // SAFETY: `create` made room for `TIMELINE_LIMIT` samples, and both indexes are below their limits.
    unsafe { &*spool::base(Section::TIMELINE).add(index * sample::WORDS + word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval after a full table was thinned, and the longest gap in what was kept.
    fn thinned(ticks: impl Fn(usize) -> u64 + Copy) -> (u64, u64) {
        let interval = coarser(1, ticks);
        let kept: Vec<u64> = far_enough(interval, ticks).map(ticks).collect();
        assert!((1..=TIMELINE_LIMIT / 2).contains(&kept.len()), "{}", kept.len());
        let gaps = kept.windows(2).map(|pair| pair[1] - pair[0]);
        (interval, gaps.max().unwrap_or(0))
    }

    #[test]
    fn no_part_of_the_timeline_is_coarser_than_another() {
        assert_eq!(thinned(|index| index as u64), (2, 2));
        // A program that did something each five ticks for a while, and then all the time.
        let then_busy = |slow: usize| move |index: usize| (index + index.min(slow) * 4) as u64;
        assert_eq!(thinned(then_busy(100)), (4, 5));
        assert_eq!(thinned(then_busy(400)), (8, 10));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_leaves_something() {
        assert_eq!(thinned(|_| 7).1, 0);
        assert_eq!(coarser(u64::MAX, |index| index as u64), u64::MAX);
        let back = |index: usize| 1_000 - index as u64;
        assert_eq!(far_enough(coarser(1, back), back).count(), 1);
    }
}
