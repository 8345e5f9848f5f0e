//! The process's peak, without a total that all threads would fight over.
//!
//! Each thread knows its own live bytes, and *flushes* them to a sum that all threads share. In between, it may grow and
//! shrink by its *flush threshold*; only beyond does it touch the shared words.
//!
//! With one thread, growth has no threshold, and the thread notes a peak when it is over, just before it frees something:
//! a heap that only grows has nothing to flush. With several, each may be off by its threshold in either direction: 1/1024
//! of the peak divided by the number of threads, but no less than 512 bytes and no more than 1 MiB. So the recorded peak is
//! off by at most the larger of 0.2 % of it and 1 KiB a thread.
//!
//! (We tried to let threads grow by whatever is missing to the peak. A thread that then does nothing for a while keeps what
//! it was given, and the others can't see what it used of it when they come near the peak. Nor was it faster: a thread
//! flushes only what it has grown by on balance.)

use crate::mode;
use crate::os::barrier;
use crate::os::clock;
use crate::os::single_writer::bump;
use crate::profile::resident;
use crate::spool;
use crate::thread::{Activity, Thread};
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// How much the only thread may free before it flushes.
const FREE_UNFLUSHED: i64 = 64 << 10;

/// The number of peaks so far.
#[inline(always)]
pub(crate) fn epoch(thread: &Thread) -> u64 {
    thread.header[header::EPOCH].load(Relaxed)
}

/// How an event changes the thread's live bytes.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Grows,
    Shrinks,
    /// A block of the first size ends and one of the second begins, at one instant.
    Resizes(u64, u64),
}

/// Runs `f`, which changes the thread's live bytes, with all that the peak needs before and after it. `f` gets the number of
/// peaks, as of which the figures change.
#[inline(always)]
pub(crate) fn around<T>(thread: &Thread, change: Change, f: impl FnOnce(u64) -> T) -> T {
    let shrinks = match change {
        Change::Grows => false,
        Change::Shrinks => true,
        Change::Resizes(old, new) => new < old,
    };
    if shrinks {
        before_shrinking(thread);
    }
    // What is live before the event may be a peak, so this comes second.
    let value = f(epoch(thread));
    if !matches!(change, Change::Shrinks) {
        after_growth(thread);
    }
    if !matches!(change, Change::Grows) {
        after_shrinking(thread);
    }
    value
}

/// Whether a block of `size` bytes more needs nothing noted.
#[inline(always)]
pub(crate) fn stays_after_growth(thread: &Thread, size: u64) -> bool {
    let figures = &thread.record.figures;
    figures.is_settled(epoch(thread))
        && figures.own_live_bytes().wrapping_add(size as i64) <= thread.limit.load(Relaxed)
}

/// Whether a block of `size` bytes less needs nothing noted.
#[inline(always)]
pub(crate) fn stays_after_shrinking(thread: &Thread, size: u64) -> bool {
    let figures = &thread.record.figures;
    let live = figures.own_live_bytes();
    figures.is_settled(epoch(thread))
        && live <= thread.mark.get()
        && live.wrapping_sub(size as i64) >= thread.floor.load(Relaxed)
}

#[inline(always)]
fn after_growth(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live > thread.limit.load(Relaxed) {
        flush(thread, live);
    }
}

#[inline(always)]
fn before_shrinking(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live > thread.mark.get() {
        note(thread, live);
    }
}

#[inline(always)]
fn after_shrinking(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live < thread.floor.load(Relaxed) {
        flush(thread, live);
    }
}

/// The thread has more live than ever, or the process may have.
#[cold]
#[inline(never)]
fn note(thread: &Thread, live: i64) {
    let record = thread.record;
    if live > record.own_peak_bytes.load(Relaxed) as i64 {
        let (_, blocks) = record.figures.live();
        record.own_peak_bytes.store(live as u64, Relaxed);
        record.own_peak_blocks.store(blocks.max(0) as u64, Relaxed);
    }
    if live > thread.operation_high.get() {
        thread.operation_high.set(live);
    }
    if live > thread.peak_mark.get() && !note_alone(thread, live) {
        flush(thread, live);
    }
    set_mark(thread);
}

/// The only thread sees its peaks without flushing: nobody else adds to the shared sum. A heap that grows with a few
/// frees in between has one at nearly every free. False where there are others after all.
#[inline(always)]
fn note_alone(thread: &Thread, live: i64) -> bool {
    let header = thread.header;
    if header[header::THREADS_ALIVE].load(Relaxed) > 1 {
        return false;
    }
    let unflushed = live - thread.record.flushed.load(Relaxed) as i64;
    let sum = header[header::FLUSHED].load(Relaxed) as i64 + unflushed;
    if sum > header[header::PEAK].load(Relaxed) as i64 {
        new_peak(sum, 1);
        resident::at_fall(sum);
    }
    thread.peak_mark.set(live + (header[header::PEAK].load(Relaxed) as i64 - sum).max(0));
    barrier::light();
    header[header::THREADS_ALIVE].load(Relaxed) <= 1
}

/// The next shrinking event that has to be noted is the first at which one of the three peaks is exceeded.
#[inline(always)]
pub(super) fn set_mark(thread: &Thread) {
    let own_peak = thread.record.own_peak_bytes.load(Relaxed) as i64;
    thread.mark.set(thread.peak_mark.get().min(own_peak).min(thread.operation_high.get()));
}

/// Adds what the thread has not flushed yet to the shared sum, and sees whether there is a new peak.
///
/// If there is, what the figures of sites and threads say now is what is live at it.
#[cold]
#[inline(never)]
fn flush(thread: &Thread, live: i64) {
    let header = spool::header();
    // A signal handler must not flush in the middle of this.
    let before = thread.activity.replace(Activity::Recording);
    loop {
        let alive = header[header::THREADS_ALIVE].load(Relaxed) as i64;
        // One instruction, as another thread may flush for this one.
        let flushed_before = thread.record.flushed.swap(live as u64, Relaxed);
        let change = (live as u64).wrapping_sub(flushed_before);
        let sum = header[header::FLUSHED].fetch_add(change, Relaxed).wrapping_add(change) as i64;
        let peak = header[header::PEAK].load(Relaxed) as i64;
        if sum > peak {
            new_peak(sum, alive);
        }
        if (change as i64) < 0 {
            resident::at_fall(sum - change as i64);
        }
        if alive <= 1 {
            // Growth alone needs no flush: a peak is over only when something is freed.
            thread.limit.store(i64::MAX, Relaxed);
            thread.peak_mark.set(live + (peak - sum).max(0));
            thread.floor.store(live - FREE_UNFLUSHED, Relaxed);
        } else {
            let threshold = flush_threshold(peak, alive);
            thread.limit.store(live + threshold, Relaxed);
            thread.peak_mark.set(live + threshold);
            thread.floor.store(live - threshold, Relaxed);
        }
        set_mark(thread);
        // Either this sees the new number of threads, or a new thread's order to renew comes after the store: the
        // other side of this fence is a barrier that the new thread has all threads pass.
        barrier::light();
        if header[header::THREADS_ALIVE].load(Relaxed) as i64 == alive {
            break;
        }
    }
    thread.activity.set(before);
}

/// By how much a thread may grow or shrink before it flushes.
fn flush_threshold(peak: i64, alive: i64) -> i64 {
    (peak / 1024 / alive.max(1)).clamp(512, 1 << 20)
}

/// Flushes for the first thread, when a second one has come: the first may have grown by any amount that it never flushed,
/// and may not do anything for a long time. The first was asked to flush at its next event, and has passed a barrier since;
/// if it flushes at this very instant, its own figure stands.
pub(crate) fn flush_for(thread: &Thread) {
    let flushed = &thread.record.flushed;
    let (flushed_before, live) = (flushed.load(Relaxed), thread.record.figures.live_bytes() as u64);
    if flushed.compare_exchange(flushed_before, live, Relaxed, Relaxed).is_ok() {
        let header = spool::header();
        let change = live.wrapping_sub(flushed_before);
        let sum = header[header::FLUSHED].fetch_add(change, Relaxed).wrapping_add(change) as i64;
        if sum > header[header::PEAK].load(Relaxed) as i64 {
            new_peak(sum, 2);
        }
    }
}

/// With one thread, plain stores will do. Where a second thread arrives at that very instant, two peaks may be taken
/// for one.
#[inline(always)]
fn new_peak(sum: i64, alive: i64) {
    let header = spool::header();
    if alive <= 1 {
        header[header::PEAK].store(sum as u64, Relaxed);
        bump(&header[header::EPOCH], 1);
    } else {
        // The thread may have been away since it flushed. Then the moment is over, and to take what is live now for the
        // peak could be wrong by any amount; but what is live now may be more than at any peak before.
        let now = header[header::FLUSHED].load(Relaxed) as i64;
        let sum = if now < sum - flush_threshold(sum, alive) { now } else { sum };
        if header[header::PEAK].fetch_max(sum as u64, Relaxed) as i64 >= sum {
            return;
        }
        header[header::EPOCH].fetch_add(1, Relaxed);
    }
    if mode::takes_stacks() {
        header[header::PEAK_TICKS].store(clock::ticks(), Relaxed);
    }
}

/// Flushes what a thread that ends has not flushed yet.
pub(crate) fn flush_last(thread: &Thread) {
    note(thread, thread.record.figures.live_bytes());
    flush(thread, thread.record.figures.live_bytes());
}
