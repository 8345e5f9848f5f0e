//! An independent record of what reaches an allocator, to hold the probe's figures against.
//!
//! As naive as can be: one mutex around everything, the inner call included, so that the order of the record
//! is the order of the calls; one hash map of live blocks; every figure updated in the obvious way. Its memory
//! comes from [`System`](std::alloc::System) past the global allocator, and it shares no code with the probe.
//!
//! Two variables make it write at the process's normal end, before the probe's own dump: `REFERENCE_OUT` names
//! a file for its figures, as JSON, and `REFERENCE_LOG` one for every call since the process began.

mod at_exit;

use allocator_api2::alloc::System as TableMemory;
use allocator_api2::vec::Vec as TableVec;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The figures since the process began. All count what succeeded; a `realloc` ends one block and begins
/// another, in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Bytes ever allocated.
    pub total_bytes: u64,
    /// Blocks ever allocated.
    pub total_blocks: u64,
    /// Bytes of the blocks that have ended.
    pub freed_bytes: u64,
    /// Blocks that have ended.
    pub freed_blocks: u64,
    /// Bytes live now.
    pub live_bytes: u64,
    /// Blocks live now.
    pub live_blocks: u64,
    /// The most bytes that were live at one instant.
    pub peak_bytes: u64,
    /// Blocks live at that instant; at the first such, where there were several.
    pub peak_blocks: u64,
    /// Blocks freed before the thread that allocated them allocated again.
    pub temporary_blocks: u64,
    /// Reallocs.
    pub realloc_calls: u64,
    /// Reallocs that moved the block.
    pub realloc_moves: u64,
    /// The smaller of the old and the new size, for each move.
    pub moved_bytes: u64,
    /// Bytes of the largest block there ever was.
    pub largest_bytes: u64,
}

/// One call that reached the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which of the four.
    pub kind: Kind,
    /// The layout's size; for a realloc, the block's old one.
    pub size: usize,
    /// The layout's alignment.
    pub align: usize,
    /// The size asked for by a realloc, else 0.
    pub new_size: usize,
}

/// A method of [`GlobalAlloc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `alloc`
    Alloc,
    /// `alloc_zeroed`
    AllocZeroed,
    /// `realloc`
    Realloc,
    /// `dealloc`
    Dealloc,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { kind, size, align, new_size } = self;
        write!(f, "{kind:?} {size} {align} {new_size}")
    }
}

/// The figures up to now.
pub fn snapshot() -> Snapshot {
    record().figures
}

/// Runs `work` and returns the calls that reached the allocator meanwhile, from any thread.
///
/// # Panics
///
/// If calls are being logged already.
pub fn log<T>(work: impl FnOnce() -> T) -> (T, Vec<Call>) {
    let already = record().log.replace(TableVec::new_in(TableMemory));
    assert!(already.is_none(), "the reference keeps one log at a time");
    let value = work();
    let calls = record().log.take();
    (value, calls.iter().flatten().copied().collect())
}

/// An allocator that forwards every call as it came and keeps the [`Snapshot`] of them all. The record is the
/// process's, however many of these there are.
#[derive(Debug)]
pub struct Reference<A> {
    inner: A,
}

impl<A> Reference<A> {
    /// Wraps an allocator.
    pub const fn new(inner: A) -> Reference<A> {
        Reference { inner }
    }
}

// SAFETY: every method hands its arguments to the inner allocator's method of the same name and returns what
// that returned, so the contract is the inner one's. Nothing in between unwinds: the record never panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Reference<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut record = record();
        // SAFETY: the caller upholds the contract of `alloc`.
        let block = unsafe { self.inner.alloc(layout) };
        record.log(Kind::Alloc, layout, 0);
        record.allocated(block, layout.size());
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let mut record = record();
        // SAFETY: the caller upholds the contract of `alloc_zeroed`.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        record.log(Kind::AllocZeroed, layout, 0);
        record.allocated(block, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let mut record = record();
        record.log(Kind::Dealloc, layout, 0);
        record.freed(block, layout.size());
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { self.inner.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let mut record = record();
        // SAFETY: the caller upholds the contract of `realloc`.
        let new_block = unsafe { self.inner.realloc(block, layout, new_size) };
        record.log(Kind::Realloc, layout, new_size);
        record.resized(block, layout.size(), new_block, new_size);
        new_block
    }
}

/// A live block.
struct Block {
    size: usize,
    /// The thread that allocated it, and how many blocks that thread had allocated by then.
    thread: usize,
    nth: u64,
}

/// Everything that is known of the process.
struct Record {
    figures: Snapshot,
    live: Option<HashMap<usize, Block, BuildHasherDefault<AddressHasher>, TableMemory>>,
    /// Blocks allocated, by thread.
    allocated: TableVec<u64, TableMemory>,
    log: Option<TableVec<Call, TableMemory>>,
    /// Frees and reallocs of blocks that were unknown, or known with another size. Never happens.
    errors: u64,
}

static RECORD: Mutex<Record> = Mutex::new(Record {
    figures: Snapshot {
        total_bytes: 0,
        total_blocks: 0,
        freed_bytes: 0,
        freed_blocks: 0,
        live_bytes: 0,
        live_blocks: 0,
        peak_bytes: 0,
        peak_blocks: 0,
        temporary_blocks: 0,
        realloc_calls: 0,
        realloc_moves: 0,
        moved_bytes: 0,
        largest_bytes: 0,
    },
    live: None,
    allocated: TableVec::new_in(TableMemory),
    log: None,
    errors: 0,
});

/// Locks the record; the first caller also sees to the end of the process. On Linux, neither allocates.
fn record() -> MutexGuard<'static, Record> {
    let mut record = RECORD.lock().unwrap_or_else(PoisonError::into_inner);
    if record.live.is_none() {
        record.live = Some(HashMap::with_hasher_in(BuildHasherDefault::default(), TableMemory));
        if at_exit::register() {
            record.log = Some(TableVec::new_in(TableMemory));
        }
    }
    record
}

impl Record {
    fn log(&mut self, kind: Kind, layout: Layout, new_size: usize) {
        if let Some(log) = &mut self.log {
            log.push(Call { kind, size: layout.size(), align: layout.align(), new_size });
        }
    }

    fn allocated(&mut self, block: *mut u8, size: usize) {
        if !block.is_null() {
            self.insert(block, size);
            self.figures.live_bytes += size as u64;
            self.figures.live_blocks += 1;
            self.raise_peak();
        }
    }

    fn freed(&mut self, block: *mut u8, size: usize) {
        let Some(entry) = self.remove(block, size) else { return };
        self.figures.live_bytes -= size as u64;
        self.figures.live_blocks -= 1;
        if self.allocated[entry.thread] == entry.nth {
            self.figures.temporary_blocks += 1;
        }
    }

    fn resized(&mut self, old: *mut u8, old_size: usize, new: *mut u8, new_size: usize) {
        if new.is_null() || self.remove(old, old_size).is_none() {
            return;
        }
        self.insert(new, new_size);
        self.figures.realloc_calls += 1;
        if old != new {
            self.figures.realloc_moves += 1;
            self.figures.moved_bytes += old_size.min(new_size) as u64;
        }
        self.figures.live_bytes = self.figures.live_bytes - old_size as u64 + new_size as u64;
        self.raise_peak();
    }

    fn insert(&mut self, block: *mut u8, size: usize) {
        self.figures.total_bytes += size as u64;
        self.figures.total_blocks += 1;
        self.figures.largest_bytes = self.figures.largest_bytes.max(size as u64);
        let thread = thread_index();
        while self.allocated.len() <= thread {
            self.allocated.push(0);
        }
        self.allocated[thread] += 1;
        let entry = Block { size, thread, nth: self.allocated[thread] };
        if self.live.as_mut().and_then(|live| live.insert(block.addr(), entry)).is_some() {
            self.errors += 1;
        }
    }

    /// Takes out a block that ends; none where there was no such block.
    fn remove(&mut self, block: *mut u8, size: usize) -> Option<Block> {
        let entry = self.live.as_mut().and_then(|live| live.remove(&block.addr()));
        let Some(entry) = entry.filter(|entry| entry.size == size) else {
            self.errors += 1;
            return None;
        };
        self.figures.freed_bytes += size as u64;
        self.figures.freed_blocks += 1;
        Some(entry)
    }

    fn raise_peak(&mut self) {
        if self.figures.live_bytes > self.figures.peak_bytes {
            self.figures.peak_bytes = self.figures.live_bytes;
            self.figures.peak_blocks = self.figures.live_blocks;
        }
    }
}

/// A small number for the calling thread. Called with the record locked.
fn thread_index() -> usize {
    static THREADS: Mutex<usize> = Mutex::new(0);
    // Constant and without a destructor, so that reading it neither allocates nor fails at the thread's end.
    thread_local! {
        static INDEX: Cell<Option<usize>> = const { Cell::new(None) };
    }
    INDEX.get().unwrap_or_else(|| {
        let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let index = *threads;
        *threads += 1;
        INDEX.set(Some(index));
        index
    })
}

/// Spreads addresses over the table: they come in steps of 16.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
