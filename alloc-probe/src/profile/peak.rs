//! The process's peak, without a total that all threads would fight over.
//!
//! Each thread knows its own live bytes. The shared sum has them as of the last time the thread *told*; in between it
//! may grow and shrink by a *quantum*, and only beyond does it touch the shared words.
//!
//! With one thread, growth has no limit, and a peak is noted when it is over, just before something is freed: a heap
//! that only grows has nothing to tell. With several, each may be off by a quantum in either direction: 1/1024 of the
//! peak divided by the number of threads, but no less than 512 bytes and no more than 1 MiB. So the recorded peak is
//! off by at most the larger of 0.2 % of it and 1 KiB a thread.
//!
//! (To let threads grow by whatever is missing to the peak was tried: one that then does nothing for a while keeps
//! what it was given, and what it used of it can't be seen when the others come near the peak. Nor was it faster: a
//! thread tells only what it has grown by on balance.)

use crate::mode;
use crate::os::barrier;
use crate::os::clock;
use crate::os::word::bump;
use crate::profile::resident;
use crate::spool;
use crate::thread::{Activity, Thread};
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// How much the only thread may free before it tells.
const FREE_UNTOLD: i64 = 64 << 10;

/// The number of peaks so far.
#[inline(always)]
pub(crate) fn epoch(thread: &Thread) -> u64 {
    thread.header[header::EPOCH].load(Relaxed)
}

/// To be called after an event that added to the thread's live bytes.
#[inline(always)]
pub(crate) fn after_growth(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live > thread.limit.load(Relaxed) {
        tell(thread, live);
    }
}

/// To be called before an event that takes from the thread's live bytes, and before the epoch for it is read: what
/// is live now may be a peak.
#[inline(always)]
pub(crate) fn before_shrinking(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live > thread.mark.get() {
        note(thread, live);
    }
}

/// To be called after such an event.
#[inline(always)]
pub(crate) fn after_shrinking(thread: &Thread) {
    let live = thread.record.figures.live_bytes();
    if live < thread.floor.load(Relaxed) {
        tell(thread, live);
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
    if live > thread.peak_mark.get() && !note_alone(thread, live) {
        tell(thread, live);
    }
    set_mark(thread);
}

/// The only thread sees its peaks without telling: nobody else adds to the shared sum. A heap that grows with a few
/// frees in between has one at nearly every free. False where there are others after all.
#[inline(always)]
fn note_alone(thread: &Thread, live: i64) -> bool {
    let header = thread.header;
    if header[header::THREADS_ALIVE].load(Relaxed) > 1 {
        return false;
    }
    let untold = live - thread.record.flushed.load(Relaxed) as i64;
    let sum = header[header::FLUSHED].load(Relaxed) as i64 + untold;
    if sum > header[header::PEAK].load(Relaxed) as i64 {
        new_peak(sum, 1);
        resident::at_fall(sum);
    }
    thread.peak_mark.set(live + (header[header::PEAK].load(Relaxed) as i64 - sum).max(0));
    barrier::light();
    header[header::THREADS_ALIVE].load(Relaxed) <= 1
}

/// The next shrinking event that has to be noted is the first at which either of the two peaks is exceeded.
#[inline(always)]
fn set_mark(thread: &Thread) {
    let own_peak = thread.record.own_peak_bytes.load(Relaxed) as i64;
    thread.mark.set(thread.peak_mark.get().min(own_peak));
}

/// Tells the shared sum, and sees whether there is a new peak.
///
/// What the figures of sites and threads say now is what is live at the peak, if it is one.
#[cold]
#[inline(never)]
fn tell(thread: &Thread, live: i64) {
    let header = spool::header();
    // A signal handler must not tell in the middle of this.
    let before = thread.activity.replace(Activity::Recording);
    loop {
        let alive = header[header::THREADS_ALIVE].load(Relaxed) as i64;
        // One instruction, as another thread may tell for this one.
        let told = thread.record.flushed.swap(live as u64, Relaxed);
        let change = (live as u64).wrapping_sub(told);
        let sum = header[header::FLUSHED].fetch_add(change, Relaxed).wrapping_add(change) as i64;
        let peak = header[header::PEAK].load(Relaxed) as i64;
        if sum > peak {
            new_peak(sum, alive);
        }
        if (change as i64) < 0 {
            resident::at_fall(sum - change as i64);
        }
        if alive <= 1 {
            // Growth alone needs no telling: a peak is over only when something is freed.
            thread.limit.store(i64::MAX, Relaxed);
            thread.peak_mark.set(live + (peak - sum).max(0));
            thread.floor.store(live - FREE_UNTOLD, Relaxed);
        } else {
            let quantum = quantum(peak, alive);
            thread.limit.store(live + quantum, Relaxed);
            thread.peak_mark.set(live + quantum);
            thread.floor.store(live - quantum, Relaxed);
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

/// By how much a thread may be off.
fn quantum(peak: i64, alive: i64) -> i64 {
    (peak / 1024 / alive.max(1)).clamp(512, 1 << 20)
}

/// A second thread has come. The first one may have grown by any amount that it never told, and may not do anything
/// for a long time: the new one tells for it. The first has been asked to tell at its next event, and has passed a
/// barrier since; if it does so at this very instant, its own word stands.
pub(crate) fn tell_for(thread: &Thread) {
    let flushed = &thread.record.flushed;
    let (told, live) = (flushed.load(Relaxed), thread.record.figures.live_bytes() as u64);
    if flushed.compare_exchange(told, live, Relaxed, Relaxed).is_ok() {
        let header = spool::header();
        let change = live.wrapping_sub(told);
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
        // The thread may have been away since it told. Then the moment is over, and to take what is live now for the
        // peak could be wrong by any amount, where a peak that is missed is one of no more than the quanta.
        let over = (header[header::FLUSHED].load(Relaxed) as i64) < sum - quantum(sum, alive);
        if over || header[header::PEAK].fetch_max(sum as u64, Relaxed) as i64 >= sum {
            return;
        }
        header[header::EPOCH].fetch_add(1, Relaxed);
    }
    if mode::takes_stacks() {
        header[header::PEAK_TICKS].store(clock::ticks(), Relaxed);
    }
}

/// Tells the sum, as when a thread ends.
pub(crate) fn flush(thread: &Thread) {
    note(thread, thread.record.figures.live_bytes());
    tell(thread, thread.record.figures.live_bytes());
}
