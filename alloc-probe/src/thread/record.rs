//! What a thread counts, in the spool: the record of a thread, or of all ended threads of one name.

use super::figures::ThreadFigures;
use crate::os;
use crate::os::single_writer::bump;
use alloc_probe_format::spool::thread as word;
use std::mem::offset_of;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// What a thread counts, in the spool.
#[repr(C)]
pub(crate) struct Record {
    pub(crate) figures: ThreadFigures,
    pub(crate) reallocs: AtomicU64,
    pub(crate) own_peak_bytes: AtomicU64,
    pub(crate) own_peak_blocks: AtomicU64,
    pub(crate) flushed: AtomicU64,
    pub(crate) stack_bytes: AtomicU64,
    pub(crate) stack_low: AtomicU64,
    pub(crate) stack_limit: AtomicU64,
    pub(crate) deepest: AtomicU64,
    pub(super) stack_at: AtomicU64,
    pub(super) tid: AtomicU64,
    pub(super) threads: AtomicU64,
    pub(crate) name: [AtomicU64; 2],
    pub(super) retiring: AtomicU64,
    pub(super) earlier: [AtomicU64; word::KEPT + 1],
}

const _: () = {
    assert!(size_of::<Record>() == word::WORDS * 8);
    assert!(offset_of!(Record, reallocs) == word::REALLOCS * 8);
    assert!(offset_of!(Record, own_peak_bytes) == word::OWN_PEAK_BYTES * 8);
    assert!(offset_of!(Record, flushed) == word::FLUSHED * 8);
    assert!(offset_of!(Record, stack_bytes) == word::STACK_BYTES * 8);
    assert!(offset_of!(Record, stack_low) == word::STACK_LOW * 8);
    assert!(offset_of!(Record, stack_limit) == word::STACK_LIMIT * 8);
    assert!(offset_of!(Record, deepest) == word::DEEPEST * 8);
    assert!(offset_of!(Record, stack_at) == word::STACK_AT * 8);
    assert!(offset_of!(Record, tid) == word::TID * 8);
    assert!(offset_of!(Record, threads) == word::THREADS * 8);
    assert!(offset_of!(Record, name) == word::NAME * 8);
    assert!(offset_of!(Record, retiring) == word::RETIRING * 8);
    assert!(offset_of!(Record, earlier) == word::EARLIER * 8);
};

impl Record {
    pub(crate) fn name_now(&self) {
        let mut name = os::ThreadName::default();
        // SAFETY: the call writes at most 16 bytes, with a zero at the end.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        self.set_name(name);
    }

    pub(super) fn set_name(&self, name: os::ThreadName) {
        self.name.iter().zip(os::words_of_name(name)).for_each(|(word, value)| word.store(value, Relaxed));
    }

    /// Moves the figures to the record of the ended threads of the name, the `index`th. The registry's lock is held.
    ///
    /// Whoever reads the spool of a process that was killed meanwhile finds them once: until the thread is no longer
    /// in its slot, the slot says what was in the other record before.
    pub(crate) fn retire_into(&self, ended: &Record, index: usize, epoch: u64) {
        let kept = ended.words()[..word::KEPT].iter().chain([&ended.threads]);
        self.earlier.iter().zip(kept).for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
        self.retiring.store(index as u64 + 1, SeqCst);
        let threads = self.threads.load(Relaxed);
        ended.figures.absorb(&self.figures, epoch);
        bump(&ended.reallocs, self.reallocs.load(Relaxed));
        bump(&ended.threads, threads);
        bump(&ended.flushed, self.flushed.load(Relaxed));
        if self.own_peak_bytes.load(Relaxed) > ended.own_peak_bytes.load(Relaxed) {
            ended.own_peak_bytes.store(self.own_peak_bytes.load(Relaxed), Relaxed);
            ended.own_peak_blocks.store(self.own_peak_blocks.load(Relaxed), Relaxed);
        }
        ended.keep_larger_stack(self);
        self.threads.store(0, SeqCst);
        self.words().iter().for_each(|word| word.store(0, Relaxed));
    }

    pub(crate) fn words(&self) -> &[AtomicU64; word::WORDS] {
        // SAFETY: a record is an array of as many words, all atomic.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// Sets the bounds of the thread's stack.
    pub(crate) fn set_stack(&self, low: u64, high: u64) {
        self.stack_low.store(low, Relaxed);
        self.stack_limit.store(high.saturating_sub(low), Relaxed);
    }

    /// Says whose it is: the calling thread's.
    pub(super) fn name_thread(&self) {
        // SAFETY: neither has preconditions.
        let (tid, this) = unsafe { (libc::gettid() as u64, libc::pthread_self() as u64) };
        // glibc and musl keep what they know of a thread where its stack begins, in the same mapping; of the main thread, elsewhere.
        let at = if tid == u64::from(std::process::id()) { 0 } else { this };
        self.stack_at.store(at, Relaxed);
        self.tid.store(tid, Relaxed);
    }

    /// Keeps the larger of an ended thread's figures and those of its name.
    fn keep_larger_stack(&self, other: &Record) {
        for (mine, theirs) in [
            (&self.stack_bytes, &other.stack_bytes),
            (&self.stack_limit, &other.stack_limit),
            // The depth is in the upper half.
            (&self.deepest, &other.deepest),
        ] {
            mine.store(mine.load(Relaxed).max(theirs.load(Relaxed)), Relaxed);
        }
    }
}
