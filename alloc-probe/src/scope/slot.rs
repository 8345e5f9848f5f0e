//! One scope: its place, its figures, and the lock of the tree that it is in.
//!
//! Everything about a tree of scopes changes under the lock of its root. What an event does there is a few additions for
//! each enclosing scope, and no other tree waits for it: exactness is what scopes are for, and the peak of several threads
//! has no order but the one that a lock makes. Nothing is locked where no scope is open.

use crate::os;
use crate::os::lock::{Lock, LockGuard};
use crate::shared::usage::Usage;
use crate::thread::{self, Thread};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, compiler_fence};

/// How many scopes can be in use at once. Number 0 stands for none.
pub(crate) const SLOTS: u32 = 1 << 14;

/// The number of a scope's slot; 0 is none.
pub(crate) type Number = u32;

/// One scope. All zeros are a valid value. What isn't said to be otherwise changes under the root's lock.
#[repr(C, align(64))]
pub(crate) struct Slot {
    pub(super) lock: Lock,
    pub(crate) open: AtomicBool,
    /// Whether it wants to know the call sites of its blocks, and whether it or one around it does.
    pub(crate) own_sites: AtomicBool,
    pub(crate) any_sites: AtomicBool,
    /// Fixed while the slot is in use.
    pub(crate) parent: AtomicU32,
    pub(super) root: AtomicU32,
    /// One while it is open, and one for each thread that counts to it and each slot under it. Not under the lock.
    pub(super) refs: AtomicU32,
    /// The handles of an open scope. Not under the lock.
    pub(super) handles: AtomicU32,
    /// What a thread that was started in it asks for it by.
    pub(super) ticket: AtomicU32,
    /// In the chain of slots that are not in use, under the registry's lock.
    pub(super) next: AtomicU32,
    /// The last block and site of their chains.
    pub(crate) blocks: AtomicU32,
    pub(crate) sites: AtomicU32,
    pub(crate) figures: ScopeFigures,
}

/// What a scope counts.
#[repr(C)]
pub(crate) struct ScopeFigures {
    pub(crate) allocations: AtomicU64,
    pub(crate) reallocs: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) total_bytes: AtomicU64,
    pub(crate) live_bytes: AtomicU64,
    pub(crate) live_blocks: AtomicU64,
    pub(crate) peak_bytes: AtomicU64,
    pub(crate) peak_blocks: AtomicU64,
    /// Peaks so far.
    pub(crate) epoch: AtomicU64,
    pub(crate) largest_block: AtomicU64,
    pub(crate) temporary_blocks: AtomicU64,
    /// Events that could not be counted. Not under the lock.
    pub(crate) lost: AtomicU64,
}

/// Adds to a word that nobody else writes: the tree's lock is held.
#[inline(always)]
pub(crate) fn add(word: &AtomicU64, by: u64) {
    word.store(word.load(Relaxed).wrapping_add(by), Relaxed);
}

static BASE: AtomicPtr<Slot> = AtomicPtr::new(null_mut());

/// Makes the array of slots. None where there is no memory.
pub(super) fn create() -> Option<()> {
    BASE.store(os::reserve(SLOTS as usize * size_of::<Slot>())?.as_ptr().cast(), Relaxed);
    Some(())
}

/// Whether the array of slots was made.
pub(super) fn exists() -> bool {
    !BASE.load(Relaxed).is_null()
}

#[inline(always)]
pub(crate) fn slot(number: Number) -> &'static Slot {
    // SAFETY: numbers come from `open`, which made the array with room for `SLOTS` slots, at addresses that stay; all
    // fields are atomic, so any bytes are a valid slot.
    unsafe { &*BASE.load(Relaxed).add((number % SLOTS) as usize) }
}

/// Holds the lock of a tree, or of the registry, until dropped.
pub(crate) struct Locked {
    held: Option<LockGuard<'static>>,
    thread: Option<&'static Thread>,
}

/// Takes a lock. None in a signal handler whose thread holds one of these, or is about to: neither that one nor another
/// must be waited for then.
#[inline(always)]
pub(super) fn take_lock(which: impl FnOnce() -> &'static Lock) -> Option<Locked> {
    let thread = thread::current();
    if thread.is_some_and(|thread| thread.locks_scopes.replace(true)) {
        return None;
    }
    // Either a handler sees the mark, or there is no lock yet that it could wait for.
    compiler_fence(SeqCst);
    Some(Locked { held: Some(which().lock_with_signals_blocked()), thread })
}

/// Locks the tree that a scope is in. None as for all locks here. The slot is in use, or the caller looks again at what it
/// found.
#[inline(always)]
pub(crate) fn lock(number: Number) -> Option<Locked> {
    take_lock(|| &slot(slot(number).root.load(Acquire)).lock)
}

impl Drop for Locked {
    #[inline(always)]
    fn drop(&mut self) {
        self.held = None;
        compiler_fence(SeqCst);
        if let Some(thread) = self.thread {
            thread.locks_scopes.set(false);
        }
    }
}

/// Whether two scopes are in one tree.
#[inline(always)]
pub(crate) fn are_related(one: Number, other: Number) -> bool {
    slot(one).root.load(Relaxed) == slot(other).root.load(Relaxed)
}

/// The innermost open scope from `number` outwards; 0 where there is none. The tree's lock is held.
#[inline(always)]
pub(crate) fn open_from(mut number: Number) -> Number {
    while number != 0 && !slot(number).open.load(Relaxed) {
        number = slot(number).parent.load(Relaxed);
    }
    number
}

/// Calls `f` for every open scope from `number` outwards. The tree's lock is held.
#[inline(always)]
pub(crate) fn each_open(mut number: Number, mut f: impl FnMut(Number, &'static Slot)) {
    while number != 0 {
        let this = slot(number);
        if this.open.load(Relaxed) {
            f(number, this);
        }
        number = this.parent.load(Relaxed);
    }
}

/// Events that can't be counted, from a scope outwards.
#[cold]
pub(crate) fn lose(scope: Number, events: u32) {
    each_open(scope, |_, this| {
        this.figures.lost.fetch_add(events.into(), Relaxed);
    });
}

impl Slot {
    /// One more user, if there is any.
    pub(super) fn hold(&self) -> bool {
        self.refs.fetch_update(Relaxed, Relaxed, |refs| (refs > 0).then_some(refs + 1)).is_ok()
    }
}

impl ScopeFigures {
    /// What was measured. The lock of the scope's tree is held.
    pub(crate) fn usage(&self) -> Usage {
        let (allocations, reallocs) = (self.allocations.load(Relaxed), self.reallocs.load(Relaxed));
        Usage {
            allocations,
            reallocs,
            frees: self.frees.load(Relaxed),
            total_bytes: self.total_bytes.load(Relaxed),
            total_blocks: allocations + reallocs,
            peak_bytes: self.peak_bytes.load(Relaxed),
            peak_blocks: self.peak_blocks.load(Relaxed),
            live_bytes: self.live_bytes.load(Relaxed),
            live_blocks: self.live_blocks.load(Relaxed),
            largest_block: self.largest_block.load(Relaxed),
            temporary_blocks: self.temporary_blocks.load(Relaxed),
            lost: self.lost.load(Relaxed),
        }
    }

    fn words(&self) -> [&AtomicU64; 12] {
        [
            &self.allocations,
            &self.reallocs,
            &self.frees,
            &self.total_bytes,
            &self.live_bytes,
            &self.live_blocks,
            &self.peak_bytes,
            &self.peak_blocks,
            &self.epoch,
            &self.largest_block,
            &self.temporary_blocks,
            &self.lost,
        ]
    }

    pub(super) fn clear(&self) {
        self.words().iter().for_each(|word| word.store(0, Relaxed));
    }

    /// What is live after an event that allocated is a peak where it is no less than the last one, as for DHAT: of
    /// equal peaks, the latest counts.
    #[inline(always)]
    pub(crate) fn note_peak(&self) {
        let live = self.live_bytes.load(Relaxed);
        if live >= self.peak_bytes.load(Relaxed) {
            self.peak_bytes.store(live, Relaxed);
            self.peak_blocks.store(self.live_blocks.load(Relaxed), Relaxed);
            add(&self.epoch, 1);
        }
    }
}
