//! Recording in mode `count`: figures of the thread, and nothing shared on the common path.

use crate::os::single_writer::bump;
use crate::profile::peak::{self, Change};
use crate::profile::timeline;
use crate::thread::{Activity, Thread};

/// How many allocations there are between two looks at the clock, for the timeline.
const LOOK: u64 = 1024;

/// Counts a block where that is all there is to do. Otherwise does nothing, and [`alloc`] is to be called.
#[inline(always)]
pub(crate) fn try_alloc(thread: &Thread, size: u64) -> bool {
    let figures = &thread.record.figures;
    // One in so many takes the other way, which looks at the clock.
    let plain = peak::stays_after_growth(thread, size) && figures.own_total_blocks() % LOOK != 0;
    if plain {
        figures.add_settled(size);
    }
    plain
}

/// Counts the end of a block where that is all there is to do. Otherwise does nothing, and [`dealloc`] is to be called.
#[inline(always)]
pub(crate) fn try_dealloc(thread: &Thread, size: u64) -> bool {
    let plain = peak::stays_after_shrinking(thread, size);
    if plain {
        thread.record.figures.remove_settled(size);
    }
    plain
}

#[inline(never)]
pub(crate) fn alloc(thread: &Thread, size: u64) {
    let blocks = peak::around(thread, Change::Grows, move |epoch| thread.record.figures.add(size, 1, epoch));
    if blocks % LOOK == 1 {
        look(thread);
    }
}

#[inline(never)]
pub(crate) fn dealloc(thread: &Thread, size: u64) {
    peak::around(thread, Change::Shrinks, move |epoch| thread.record.figures.remove(size, 1, epoch));
}

#[inline(always)]
pub(crate) fn realloc(thread: &Thread, old: u64, new: u64) {
    resize(thread, old, new);
    bump(&thread.record.reallocs, 1);
}

/// A block of one size ends and one of another begins, at one instant.
#[inline(always)]
pub(crate) fn resize(thread: &Thread, old: u64, new: u64) {
    let change = move |epoch| {
        thread.record.figures.add(new, 1, epoch);
        thread.record.figures.remove(old, 1, epoch);
    };
    if new < old {
        peak::around(thread, Change::Shrinks, change);
    } else {
        peak::around(thread, Change::Grows, change);
    }
}

#[cold]
#[inline(never)]
fn look(thread: &Thread) {
    let before = thread.activity.replace(Activity::Recording);
    timeline::tick(crate::os::clock::ticks());
    thread.activity.set(before);
}
