//! Recording in mode `count`: figures of the thread, and nothing shared on the common path.

use crate::os::word::bump;
use crate::profile::peak;
use crate::profile::timeline;
use crate::thread::{Activity, Thread};

/// How many allocations there are between two looks at the clock, for the timeline.
const LOOK: u64 = 1024;

#[inline(always)]
pub(crate) fn alloc(thread: &Thread, size: u64) {
    let blocks = thread.record.figures.add(size, 1, peak::epoch(thread));
    peak::after_growth(thread);
    if blocks % LOOK == 0 {
        look(thread);
    }
}

#[inline(always)]
pub(crate) fn dealloc(thread: &Thread, size: u64) {
    peak::before_shrinking(thread);
    thread.record.figures.remove(size, 1, peak::epoch(thread));
    peak::after_shrinking(thread);
}

#[inline(always)]
pub(crate) fn realloc(thread: &Thread, old: u64, new: u64) {
    resize(thread, old, new);
    bump(&thread.record.reallocs, 1);
}

/// A block of one size ends and one of another begins, at one instant.
#[inline(always)]
pub(crate) fn resize(thread: &Thread, old: u64, new: u64) {
    let figures = &thread.record.figures;
    if new < old {
        peak::before_shrinking(thread);
        figures.add(new, 1, peak::epoch(thread));
        figures.remove(old, 1, peak::epoch(thread));
        peak::after_shrinking(thread);
    } else {
        figures.add(new, 1, peak::epoch(thread));
        figures.remove(old, 1, peak::epoch(thread));
        peak::after_growth(thread);
    }
}

#[cold]
#[inline(never)]
fn look(thread: &Thread) {
    let before = thread.activity.replace(Activity::Recording);
    timeline::tick(crate::os::clock::ticks());
    thread.activity.set(before);
}
