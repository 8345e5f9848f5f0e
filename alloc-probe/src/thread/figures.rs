//! A thread's figures: totals, live, and live at the process's peak, in O(1). Sites' have the same in less room.
//!
//! A new peak of the process only adds one to a global number, the *epoch*. Whoever next changes a set of
//! figures whose epoch is old first copies its live figures to those at the peak: they have not changed since.
//! So no event ever looks at more than one site, and the sites' peak figures add up to the process's.

use crate::os::single_writer::{bump, bump_both, own};
use alloc_probe_format::spool::thread;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Seven words of the spool. Only the owning thread writes them; snapshots read them at any time.
#[repr(C)]
pub(crate) struct ThreadFigures {
    /// Bytes and blocks.
    total: [AtomicU64; 2],
    freed: [AtomicU64; 2],
    peak_bytes: AtomicU64,
    peak_blocks: AtomicU64,
    epoch: AtomicU64,
}

const _: () = {
    assert!(offset_of!(ThreadFigures, total) == thread::TOTAL_BYTES * 8);
    assert!(thread::TOTAL_BLOCKS == thread::TOTAL_BYTES + 1);
    assert!(offset_of!(ThreadFigures, freed) == thread::FREED_BYTES * 8);
    assert!(thread::FREED_BLOCKS == thread::FREED_BYTES + 1);
    assert!(offset_of!(ThreadFigures, peak_bytes) == thread::PEAK_BYTES * 8);
    assert!(offset_of!(ThreadFigures, peak_blocks) == thread::PEAK_BLOCKS * 8);
    assert!(offset_of!(ThreadFigures, epoch) == thread::EPOCH * 8);
};

impl ThreadFigures {
    /// Settles what was live at the peak, if there was a new one since the last change.
    #[inline(always)]
    fn settle(&self, epoch: u64) {
        if self.epoch.load(Relaxed) != epoch {
            self.keep_peak(epoch);
        }
    }

    #[inline(always)]
    fn keep_peak(&self, epoch: u64) {
        let (bytes, blocks) = self.live();
        self.peak_bytes.store(bytes as u64, Relaxed);
        self.peak_blocks.store(blocks as u64, Relaxed);
        self.epoch.store(epoch, Relaxed);
    }

    /// Whether what was live at the latest peak, the one of `epoch`, is settled.
    #[inline(always)]
    pub(crate) fn is_settled(&self, epoch: u64) -> bool {
        own(&self.epoch) == epoch
    }

    /// A block was allocated, and the latest peak is settled.
    #[inline(always)]
    pub(crate) fn add_settled(&self, size: u64) {
        bump_both(&self.total, size);
    }

    /// A block ended, and the latest peak is settled.
    #[inline(always)]
    pub(crate) fn remove_settled(&self, size: u64) {
        bump_both(&self.freed, size);
    }

    /// How many blocks the calling thread, whose figures these are, has allocated.
    #[inline(always)]
    pub(crate) fn own_total_blocks(&self) -> u64 {
        own(&self.total[1])
    }

    /// How many bytes are live of the calling thread, whose figures these are.
    #[inline(always)]
    pub(crate) fn own_live_bytes(&self) -> i64 {
        own(&self.total[0]).wrapping_sub(own(&self.freed[0])) as i64
    }

    /// Blocks were allocated. Returns how many ever were.
    #[inline(always)]
    pub(crate) fn add(&self, size: u64, blocks: u64, epoch: u64) -> u64 {
        self.settle(epoch);
        bump(&self.total[0], size);
        bump(&self.total[1], blocks);
        self.total[1].load(Relaxed)
    }

    /// Blocks ended.
    #[inline(always)]
    pub(crate) fn remove(&self, size: u64, blocks: u64, epoch: u64) {
        self.settle(epoch);
        bump(&self.freed[0], size);
        bump(&self.freed[1], blocks);
    }

    pub(crate) fn total(&self) -> (u64, u64) {
        (self.total[0].load(Relaxed), self.total[1].load(Relaxed))
    }

    pub(crate) fn freed(&self) -> (u64, u64) {
        (self.freed[0].load(Relaxed), self.freed[1].load(Relaxed))
    }

    #[inline(always)]
    pub(crate) fn live_bytes(&self) -> i64 {
        self.total[0].load(Relaxed).wrapping_sub(self.freed[0].load(Relaxed)) as i64
    }

    #[inline(always)]
    pub(crate) fn live(&self) -> (i64, i64) {
        let blocks = self.total[1].load(Relaxed).wrapping_sub(self.freed[1].load(Relaxed));
        (self.live_bytes(), blocks as i64)
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
    pub(crate) fn absorb(&self, other: &ThreadFigures, epoch: u64) {
        self.settle(epoch);
        other.settle(epoch);
        for (mine, theirs) in [
            (&self.total[0], &other.total[0]),
            (&self.total[1], &other.total[1]),
            (&self.freed[0], &other.freed[0]),
            (&self.freed[1], &other.freed[1]),
            (&self.peak_bytes, &other.peak_bytes),
            (&self.peak_blocks, &other.peak_blocks),
        ] {
            bump(mine, theirs.load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> ThreadFigures {
        let [total, freed, [peak_bytes, peak_blocks], [epoch, _]] =
            [const { [const { AtomicU64::new(0) }; 2] }; 4];
        ThreadFigures { total, freed, peak_bytes, peak_blocks, epoch }
    }

    /// What was live at the latest peak is what was live before the first change after it.
    #[test]
    fn a_peak_is_settled_by_the_next_change() {
        let figures = figures();
        assert_eq!(figures.add(100, 1, 0), 1);
        assert_eq!(figures.add(50, 2, 0), 3);
        assert_eq!((figures.live(), figures.at_peak(1)), ((150, 3), (150, 3)));
        figures.remove(100, 1, 1);
        assert_eq!((figures.live(), figures.at_peak(1)), ((50, 2), (150, 3)));
        figures.add(70, 1, 1);
        assert_eq!((figures.live(), figures.at_peak(1), figures.at_peak(2)), ((120, 3), (150, 3), (120, 3)));
        // It freed what others allocated.
        figures.remove(1000, 5, 2);
        assert_eq!((figures.live(), figures.at_peak(2)), ((-880, -2), (120, 3)));
    }

    #[test]
    fn figures_that_go_to_others_keep_their_peak() {
        let (mine, theirs) = (figures(), figures());
        mine.add(100, 1, 0);
        theirs.add(30, 1, 0);
        theirs.remove(30, 1, 1);
        mine.absorb(&theirs, 1);
        assert_eq!((mine.total(), mine.live(), mine.at_peak(1)), ((130, 2), (100, 1), (130, 2)));
        assert_eq!(mine.freed(), (30, 1));
    }
}
