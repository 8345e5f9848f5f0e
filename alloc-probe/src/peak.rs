//! The process's peak, without a total that all threads would fight over.
//!
//! Each thread knows its own live bytes. The shared sum has them as of the last time the thread *told*; in between
//! it lives on *credit*: a limit up to which its live bytes can grow such that no new peak is possible. Only beyond
//! it does a thread touch the shared words.
//!
//! With one thread, the credit is exactly what is missing to the peak, so every new peak is seen at the event that
//! makes it. With several, threads share out half of what is missing, and near the peak each may be off by a
//! *quantum* in either direction: 1/1024 of the peak divided by the number of threads, but no less than 512 bytes and
//! no more than 1 MiB. So the recorded peak is off by at most the larger of 0.1 % and 512 bytes a thread.

use crate::figures::{Figures, bump};
use crate::memory::barrier;
use crate::memory::spool;
use crate::thread::Thread;
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// How much a thread may free before it tells, far from the peak.
const FREE_UNTOLD: i64 = 64 << 10;

/// The number of peaks so far.
#[inline(always)]
pub(crate) fn epoch() -> u64 {
    spool::header()[header::EPOCH].load(Relaxed)
}

/// Looks at a thread's live bytes after an event that added to them. `ticks` is the time, if it is known.
#[inline(always)]
pub(crate) fn after_growth(thread: &Thread, live: i64, ticks: u64) {
    if live > thread.record.own_peak_bytes.load(Relaxed) as i64 {
        let (_, blocks) = thread.record.figures.live();
        thread.record.own_peak_bytes.store(live as u64, Relaxed);
        thread.record.own_peak_blocks.store(blocks.max(0) as u64, Relaxed);
    }
    if live > thread.limit.load(Relaxed) {
        tell(thread, live, ticks);
    }
}

/// Looks at a thread's live bytes after an event that took from them.
#[inline(always)]
pub(crate) fn after_shrinking(thread: &Thread, live: i64) {
    if live < thread.floor.get() {
        tell(thread, live, 0);
    }
}

/// Tells the shared sum, sees whether there is a new peak, and takes new credit.
///
/// The figures of the site and the thread hold the event already: what they say now is what was live at the peak.
#[cold]
#[inline(never)]
fn tell(thread: &Thread, live: i64, ticks: u64) {
    let header = spool::header();
    loop {
        let alive = header[header::THREADS_ALIVE].load(Relaxed) as i64;
        let told = thread.record.flushed.load(Relaxed) as i64;
        thread.record.flushed.store(live as u64, Relaxed);
        let change = (live - told) as u64;
        let sum = header[header::FLUSHED].fetch_add(change, Relaxed).wrapping_add(change) as i64;
        let peak = header[header::PEAK].load(Relaxed) as i64;
        let quantum = if alive <= 1 { 0 } else { (peak / 1024 / alive).clamp(512, 1 << 20) };
        let credit = if sum > peak {
            new_peak(sum, alive, ticks);
            quantum
        } else if alive <= 1 {
            peak - sum
        } else {
            quantum.max((peak - sum) / (2 * alive))
        };
        thread.limit.store(live + credit, Relaxed);
        thread.floor.set(live - if alive <= 1 { FREE_UNTOLD } else { quantum.max(credit.min(FREE_UNTOLD)) });
        // Either this sees the new number of threads, or a new thread's order to renew comes after the store: the
        // other side of this fence is a barrier that the new thread has all threads pass.
        barrier::light();
        if header[header::THREADS_ALIVE].load(Relaxed) as i64 == alive {
            return;
        }
    }
}

/// A growing heap has a new peak at every allocation: with one thread, plain stores will do. Where a second thread
/// arrives at that very instant, two peaks may be taken for one.
#[inline(always)]
fn new_peak(sum: i64, alive: i64, ticks: u64) {
    let header = spool::header();
    if alive <= 1 {
        header[header::PEAK].store(sum as u64, Relaxed);
        bump(&header[header::EPOCH], 1);
    } else {
        header[header::PEAK].fetch_max(sum as u64, Relaxed);
        header[header::EPOCH].fetch_add(1, Relaxed);
    }
    if ticks != 0 {
        header[header::PEAK_TICKS].store(ticks, Relaxed);
    }
}

/// Tells the sum, as when a thread ends.
pub(crate) fn flush(thread: &Thread) {
    let (live, _) = thread.record.figures.live();
    tell(thread, live, 0);
}

/// The process's figures in sum: totals, live, and live at the peak.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) total: (u64, u64),
    pub(crate) live: (i64, i64),
    pub(crate) at_peak: (i64, i64),
    pub(crate) reallocs: u64,
}

impl Sum {
    /// Over all threads.
    pub(crate) fn of_process() -> Sum {
        let epoch = epoch();
        let mut sum = Sum::default();
        crate::thread::for_each_record(|record| sum.add(&record.figures, record.reallocs.load(Relaxed), epoch));
        sum
    }

    pub(crate) fn add(&mut self, figures: &Figures, reallocs: u64, epoch: u64) {
        let pairs = [(&mut self.live, figures.live()), (&mut self.at_peak, figures.at_peak(epoch))];
        for (mine, theirs) in pairs {
            mine.0 = mine.0.wrapping_add(theirs.0);
            mine.1 = mine.1.wrapping_add(theirs.1);
        }
        let total = figures.total();
        self.total = (self.total.0.wrapping_add(total.0), self.total.1.wrapping_add(total.1));
        self.reallocs = self.reallocs.wrapping_add(reallocs);
    }
}
