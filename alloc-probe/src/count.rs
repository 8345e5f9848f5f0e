//! Recording in mode `count`: figures of the thread, and nothing shared on the common path.

use crate::figures::bump;
use crate::peak;
use crate::thread::{Guard, Thread};
use crate::timeline;

/// How many allocations there are between two looks at the clock, for the timeline.
const LOOK: u64 = 1024;

#[inline(always)]
pub(crate) fn alloc(thread: &Thread, size: u64) {
    let live = thread.record.figures.add(size, 1, peak::epoch());
    after(thread, live);
}

#[inline(always)]
pub(crate) fn dealloc(thread: &Thread, size: u64) {
    let live = thread.record.figures.remove(size, 1, peak::epoch());
    peak::after_shrinking(thread, live);
}

#[inline(always)]
pub(crate) fn realloc(thread: &Thread, old: u64, new: u64) {
    let live = thread.record.figures.resize(old, new, peak::epoch());
    bump(&thread.record.reallocs, 1);
    after(thread, live);
    peak::after_shrinking(thread, live);
}

#[inline(always)]
fn after(thread: &Thread, live: i64) {
    peak::after_growth(thread, live, 0);
    let (_, blocks) = thread.record.figures.total();
    if blocks % LOOK == 0 {
        look(thread);
    }
}

#[cold]
#[inline(never)]
fn look(thread: &Thread) {
    thread.guard.set(Guard::Recording);
    timeline::tick(crate::clock::ticks());
    thread.guard.set(Guard::Idle);
}
