//! The figures that threads and sites share: totals, live, and live at the process's peak, in O(1).
//!
//! A new peak of the process only adds one to a global number, the *epoch*. Whoever next changes a set of
//! figures whose epoch is old first copies its live figures to those at the peak: they have not changed since.
//! So no event ever looks at more than one site, and the sites' peak figures add up to the process's.

use alloc_probe_format::spool::{counter, thread};
use std::mem::offset_of;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Seven words of the spool. Only the owning thread writes them; snapshots read them at any time.
#[repr(C)]
pub(crate) struct Figures {
    total_bytes: AtomicU64,
    total_blocks: AtomicU64,
    live_bytes: AtomicU64,
    live_blocks: AtomicU64,
    peak_bytes: AtomicU64,
    peak_blocks: AtomicU64,
    epoch: AtomicU64,
}

const _: () = {
    assert!(offset_of!(Figures, total_bytes) == counter::TOTAL_BYTES * 8 && counter::TOTAL_BYTES == thread::TOTAL_BYTES);
    assert!(offset_of!(Figures, live_bytes) == counter::LIVE_BYTES * 8 && counter::LIVE_BYTES == thread::LIVE_BYTES);
    assert!(offset_of!(Figures, peak_bytes) == counter::PEAK_BYTES * 8 && counter::PEAK_BYTES == thread::PEAK_BYTES);
    assert!(offset_of!(Figures, epoch) == counter::EPOCH * 8 && counter::EPOCH == thread::EPOCH);
};

/// Adds to a word that only this thread writes: a plain load and store, no locked instruction.
#[inline(always)]
pub(crate) fn bump(word: &AtomicU64, by: u64) -> u64 {
    let value = word.load(Relaxed).wrapping_add(by);
    word.store(value, Relaxed);
    value
}

impl Figures {
    /// Settles what was live at the peak, if there was a new one since the last change.
    #[inline(always)]
    pub(crate) fn settle(&self, epoch: u64) {
        if self.epoch.load(Relaxed) != epoch {
            self.peak_bytes.store(self.live_bytes.load(Relaxed), Relaxed);
            self.peak_blocks.store(self.live_blocks.load(Relaxed), Relaxed);
            self.epoch.store(epoch, Relaxed);
        }
    }

    /// A block was allocated, which counts as `parts`. Returns the live bytes after it.
    #[inline(always)]
    pub(crate) fn add(&self, size: u64, parts: u64, epoch: u64) -> i64 {
        self.settle(epoch);
        bump(&self.total_bytes, size);
        bump(&self.total_blocks, parts);
        bump(&self.live_blocks, parts);
        bump(&self.live_bytes, size) as i64
    }

    /// A block ended, which counts as `parts`. Returns the live bytes after it.
    #[inline(always)]
    pub(crate) fn remove(&self, size: u64, parts: u64, epoch: u64) -> i64 {
        self.settle(epoch);
        bump(&self.live_blocks, parts.wrapping_neg());
        bump(&self.live_bytes, size.wrapping_neg()) as i64
    }

    /// A block that was added is not to be recorded after all.
    #[cold]
    pub(crate) fn retract(&self, size: u64, parts: u64, epoch: u64) {
        self.remove(size, parts, epoch);
        bump(&self.total_bytes, size.wrapping_neg());
        bump(&self.total_blocks, parts.wrapping_neg());
    }

    /// A block was reallocated: the old one ended and a new one began, at one instant. Returns the live bytes.
    #[inline(always)]
    pub(crate) fn resize(&self, old: u64, new: u64, epoch: u64) -> i64 {
        self.settle(epoch);
        bump(&self.total_bytes, new);
        bump(&self.total_blocks, 1);
        bump(&self.live_bytes, new.wrapping_sub(old)) as i64
    }

    pub(crate) fn total(&self) -> (u64, u64) {
        (self.total_bytes.load(Relaxed), self.total_blocks.load(Relaxed))
    }

    pub(crate) fn live(&self) -> (i64, i64) {
        (self.live_bytes.load(Relaxed) as i64, self.live_blocks.load(Relaxed) as i64)
    }

    /// What was live at the peak of `epoch`, the latest.
    pub(crate) fn at_peak(&self, epoch: u64) -> (i64, i64) {
        if self.epoch.load(Relaxed) == epoch {
            (self.peak_bytes.load(Relaxed) as i64, self.peak_blocks.load(Relaxed) as i64)
        } else {
            self.live()
        }
    }

    /// Adds another's figures to these, as where a thread's go to those of its name. Both belong to the caller.
    pub(crate) fn absorb(&self, other: &Figures, epoch: u64) {
        self.settle(epoch);
        other.settle(epoch);
        for (mine, theirs) in [
            (&self.total_bytes, &other.total_bytes),
            (&self.total_blocks, &other.total_blocks),
            (&self.live_bytes, &other.live_bytes),
            (&self.live_blocks, &other.live_blocks),
            (&self.peak_bytes, &other.peak_bytes),
            (&self.peak_blocks, &other.peak_blocks),
        ] {
            bump(mine, theirs.load(Relaxed));
        }
    }
}
