//! How much of its stack each thread uses: how deep it was where stacks were taken, and how many of its pages were
//! ever touched.
//!
//! A page of a stack that was touched stays, resident or swapped out, so the pages that are there are the most that
//! there ever was. That is asked when a thread ends, and at a dump for those that are alive. It may be too much: the C
//! library hands the stack of a thread that has ended to the next, and glibc leaves the 16 KiB nearest to its beginning
//! in place then (128 KiB on aarch64). And memory that the program itself made a stack of may have been touched before.

use crate::capture::own_stack::{ask_for_thread_stack, own_stack};
use crate::capture::{Captured, OwnStack};
use crate::mode;
use crate::os::PageMap;
use crate::spool;
use crate::thread::Thread;
use crate::thread::record::Record;
use alloc_probe_format::spool::{Section, thread as word};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The thread's stack was never as deep where a stack was taken. Nothing where the unwinder does not know the stack's
/// bounds, as on a stack that is not the thread's own.
#[cold]
#[inline(never)]
pub(crate) fn note_deepest(thread: &Thread, captured: Captured) {
    // SAFETY: null, or the thread's own cached stack, which nothing else refers to now that the stack is taken.
    let own = unsafe { thread.cached_stack.get().as_ref() }.and_then(|cached| cached.own_stack());
    let Some(OwnStack { low, high, lowest }) = own else { return };
    thread.record.set_stack(low, high);
    let depth = high.saturating_sub(lowest).min(u32::MAX.into());
    // In one word, so that the two always belong together.
    thread.record.deepest.store(depth << 32 | u64::from(captured.node), Relaxed);
}

/// Measures the calling thread's stack, as it is about to end. Only where stacks are taken: it takes some
/// microseconds.
pub(crate) fn measure_own(record: &Record) {
    if !mode::has_stacks() {
        return;
    }
    if record.stack_limit.load(Relaxed) == 0 {
        let here = 0_u8;
        if let Some((low, high)) = own_stack(&raw const here as u64).or_else(ask_for_thread_stack) {
            record.set_stack(low, high);
        }
    }
    if let Some(pages) = PageMap::open() {
        measure(record.words(), &pages);
    }
}

/// Measures the stacks of the live threads in a copy of their slots. One that has ended meanwhile is left out: its stack
/// may be anything by now.
pub(crate) fn measure_all(slots: &[AtomicU64]) {
    let Some(pages) = PageMap::open() else { return };
    for (index, slot) in slots.chunks_exact(word::WORDS).enumerate() {
        let tid = || slot[word::TID].load(Relaxed);
        if tid() == 0 || slot[word::STACK_LIMIT].load(Relaxed) == 0 {
            continue;
        }
        measure(slot, &pages);
        // SAFETY: the copy is of slots that there are, at addresses that stay.
        let live = unsafe { &*spool::base(Section::THREADS).add(index * word::WORDS + word::TID) };
        if live.load(Relaxed) != tid() {
            slot[word::STACK_BYTES].store(0, Relaxed);
        }
    }
}

/// Measures the stack whose bounds a slot has.
fn measure(slot: &[AtomicU64], pages: &PageMap) {
    let [low, limit] = [word::STACK_LOW, word::STACK_LIMIT].map(|index| slot[index].load(Relaxed));
    let touched = pages.touched_bytes(low, low.saturating_add(limit));
    slot[word::STACK_BYTES].store(touched, Relaxed);
}
