//! The live blocks: from an address to the site of the block there, and when it was allocated.
//!
//! Open addressing without a lock. A block's entry is written by the thread that allocates it and removed by the one
//! that frees it, and an address is live only once: so an insertion takes the first free place by one
//! compare-exchange, and a removal is a plain store. A table never moves; when it is three quarters full, one twice
//! its size is added, and insertions go there. A removal looks through the tables that ever had a block near that
//! address, from the newest: as a heap grows, that is mostly one.
//!
//! Places are chosen by the address's page, and within it by the address, so that blocks allocated together are
//! found together: in one page of the table. A page has 128 places, which is what glibc puts into one; other
//! allocators put 512 blocks of 8 bytes there. What finds no room near its home goes anywhere else, so that tables are
//! filled whatever the addresses are. A shadow map of the address space was the other candidate: it needs no
//! compare-exchange, but half of the heap's size again, where this needs 16 bytes for 0.37 to 0.75 blocks.

use crate::spool;
use crate::thread::Thread;
use alloc_probe_format::spool::block::{ADDRESS_LIMIT, Block, REMOVED, WIDE_SIZE};
use alloc_probe_format::spool::{BLOCK_TABLES, Section};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize};

/// How many places from a block's home on are enough for nearly all blocks. Where there is no room for another table, an
/// insertion tries no more: a program whose profile is full must not become slow.
const NEAR: usize = 64;

/// How many more an insertion tries before it adds a table, and a removal before it gives up on one. A quarter of all
/// places is free, so that it hardly ever comes to the last.
const FAR: usize = 128;

/// Places next to each other among the far ones.
const LINE: usize = 4;

/// Tables of one entry width, in words.
struct Tables<const WORDS: usize> {
    count: AtomicUsize,
    /// How many tables there were when there was no room for another; 0 while there was room.
    full: AtomicUsize,
    used: Used,
    /// By hash of the address's 64 KiB neighbourhood: the tables that there was an insertion into, a bit each.
    near: [AtomicU32; 2048],
    /// The same for blocks whose entries may not be near their homes.
    far: [AtomicU32; 2048],
}

/// Entries in the newest table, as far as the threads have flushed them. On a line of its own, as threads write it that others
/// need not wait for.
#[repr(align(128))]
struct Used(AtomicI64);

/// What came of looking for a block in some places.
enum Looked<T> {
    Found(T),
    /// One of them was never used: the block would have been put there.
    UpToAnUnused,
    Everywhere,
}

/// Blocks whose size fits into two words.
static NARROW: Tables<2> = Tables::new();

/// The others. Fewer, larger, and further apart.
static WIDE: Tables<4> = Tables::new();

/// A thread flushes its insertions less removals when they are this many.
const UNFLUSHED: i32 = 64;

/// Makes the first tables. False where there is no memory.
pub(crate) fn create() -> bool {
    NARROW.add_table(0) && WIDE.add_table(0)
}

/// Starts loading the place of a block that will be looked at soon.
#[inline(always)]
pub(crate) fn prefetch(address: u64, size: u64) {
    if size < WIDE_SIZE {
        NARROW.prefetch(address);
    }
}

/// Records a live block. False where there is no space for it.
#[inline(always)]
pub(crate) fn insert(thread: &Thread, block: Block) -> bool {
    if block.address >= ADDRESS_LIMIT {
        return false;
    }
    if block.size < WIDE_SIZE { NARROW.insert(thread, block) } else { WIDE.insert(thread, block) }
}

/// Forgets the live block at an address, which was allocated with a size. None where it was never recorded.
#[inline(always)]
pub(crate) fn remove(thread: &Thread, address: u64, size: u64) -> Option<Block> {
    let block = if size < WIDE_SIZE { NARROW.remove(thread, address) } else { WIDE.remove(thread, address) };
    block.map(|block| Block { size, ..block })
}

/// What is recorded of the live block at an address, by whichever thread: what another writes at this moment may be there
/// or not.
pub(crate) fn find(address: u64) -> Option<Block> {
    if NARROW.count.load(Acquire) == 0 || WIDE.count.load(Acquire) == 0 {
        return None;
    }
    NARROW.find(address).or_else(|| WIDE.find(address))
}

/// Flushes what the thread has inserted and removed.
pub(crate) fn flush_counts(thread: &Thread) {
    NARROW.used.0.fetch_add(thread.block_delta[NARROW.delta()].replace(0).into(), Relaxed);
    WIDE.used.0.fetch_add(thread.block_delta[WIDE.delta()].replace(0).into(), Relaxed);
}

/// Spreads the bits of a number.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of an address's neighbourhood, which others share.
#[inline(always)]
fn neighbourhood(address: u64) -> usize {
    ((address >> 16).wrapping_mul(MIX) >> 53) as usize
}

/// Notes a table among those of a neighbourhood. The line is written to only where it was not: other threads look at it.
#[inline(always)]
fn note(tables: &AtomicU32, table: usize) {
    if tables.load(Relaxed) >> table & 1 == 0 {
        tables.fetch_or(1 << table, Relaxed);
    }
}

impl<const WORDS: usize> Tables<WORDS> {
    /// Entries of the first table.
    const FIRST_ENTRIES: usize = if WORDS == 2 { 4096 } else { 512 };

    const fn new() -> Tables<WORDS> {
        Tables {
            count: AtomicUsize::new(0),
            full: AtomicUsize::new(0),
            used: Used(AtomicI64::new(0)),
            near: [const { AtomicU32::new(0) }; 2048],
            far: [const { AtomicU32::new(0) }; 2048],
        }
    }

    /// Which of the thread's two deltas is theirs.
    #[inline(always)]
    fn delta(&self) -> usize {
        usize::from(WORDS != 2)
    }

    #[inline(always)]
    fn prefetch(&self, address: u64) {
        let newest = self.count.load(Relaxed) - 1;
        let place = self.place(newest, self.home(newest, address));
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch of any address has no effect that could be seen.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = place;
    }

    #[inline(always)]
    fn near(&self, address: u64) -> &AtomicU32 {
        &self.near[neighbourhood(address)]
    }

    fn section(&self, table: usize) -> Section {
        if WORDS == 2 { Section::narrow_blocks(table) } else { Section::wide_blocks(table) }
    }

    #[inline(always)]
    fn entries(&self, table: usize) -> usize {
        Self::FIRST_ENTRIES << table
    }

    /// The index of the first place to look for an address.
    #[inline(always)]
    fn home(&self, table: usize, address: u64) -> usize {
        let mask = self.entries(table) - 1;
        if WORDS == 2 {
            let page = (address >> 12).wrapping_mul(MIX) >> 24;
            (page << 7 | (address >> 5 & 127)) as usize & mask
        } else {
            ((address >> 4).wrapping_mul(MIX) >> 24) as usize & mask
        }
    }

    /// The places near an address's home.
    #[inline(always)]
    fn near_places(&self, table: usize, address: u64) -> impl Iterator<Item = usize> {
        let (home, mask) = (self.home(table, address), self.entries(table) - 1);
        (0..NEAR).map(move |probe| (home + probe) & mask)
    }

    /// The places of a block that has none near its home. They are all over the table, for what follows its home may be
    /// full for as long as there are pages next to each other.
    fn far_places(&self, table: usize, address: u64) -> impl Iterator<Item = usize> {
        let (mut hash, mask) = (address, self.entries(table) - 1);
        (0..FAR).map(move |probe| {
            if probe % LINE == 0 {
                hash = (hash ^ hash >> 32).wrapping_mul(MIX);
            }
            ((hash >> 32) as usize * LINE + probe % LINE) & mask
        })
    }

    /// The first word of an entry.
    #[inline(always)]
    fn place(&self, table: usize, index: usize) -> *const AtomicU64 {
        let base = spool::base(self.section(table));
        base.wrapping_add(index * WORDS)
    }

    /// The words of an entry.
    #[inline(always)]
    fn entry(&self, table: usize, index: usize) -> &'static [AtomicU64] {
        // SAFETY: `table` is below `count`, so `add_table` made room for all its entries at addresses that stay,
        // and `index` was masked with their number.
        unsafe { std::slice::from_raw_parts(self.place(table, index), WORDS) }
    }

    #[inline(always)]
    fn insert(&self, thread: &Thread, block: Block) -> bool {
        let newest = self.count.load(Acquire) - 1;
        if self.insert_near(newest, block) {
            self.note_insertion(thread);
            return true;
        }
        self.insert_further(thread, newest, block)
    }

    /// Counts an insertion into the newest table.
    #[inline(always)]
    fn note_insertion(&self, thread: &Thread) {
        let delta = &thread.block_delta[self.delta()];
        delta.set(delta.get() + 1);
        if delta.get() >= UNFLUSHED {
            self.flush(delta.replace(0));
        }
    }

    /// Inserts a block in the first free of these places.
    #[inline(always)]
    fn insert_into(&self, table: usize, block: Block, places: impl Iterator<Item = usize>) -> bool {
        let (first, second) = block.pack();
        for index in places {
            let entry = self.entry(table, index);
            let there = entry[0].load(Relaxed);
            if there <= REMOVED && entry[0].compare_exchange(there, first, Relaxed, Relaxed).is_ok() {
                if WORDS == 4 {
                    entry[2].store(block.size, Relaxed);
                }
                entry[1].store(second, Release);
                return true;
            }
        }
        false
    }

    /// Inserts a block near its home.
    #[inline(always)]
    fn insert_near(&self, table: usize, block: Block) -> bool {
        note(self.near(block.address), table);
        self.insert_into(table, block, self.near_places(table, block.address))
    }

    /// No place near home in the newest table.
    #[cold]
    #[inline(never)]
    fn insert_further(&self, thread: &Thread, newest: usize, block: Block) -> bool {
        let is_full = self.full.load(Relaxed) == newest + 1;
        if !is_full && self.insert_far(newest, block) {
            self.note_insertion(thread);
            return true;
        }
        if self.add_table(newest + 1) {
            let newest = self.count.load(Acquire) - 1;
            let inserted = self.insert_near(newest, block) || self.insert_far(newest, block);
            if inserted {
                self.note_insertion(thread);
            }
            return inserted;
        }
        self.full.store(newest + 1, Relaxed);
        // Of the old tables, only the largest is worth a look.
        newest > 0 && self.insert_near(newest - 1, block)
    }

    /// Inserts a block that has no place near its home.
    fn insert_far(&self, table: usize, block: Block) -> bool {
        // Before the entry is there, so that whoever frees the block looks as far.
        note(&self.far[neighbourhood(block.address)], table);
        self.insert_into(table, block, self.far_places(table, block.address))
    }

    /// Whether the entry of an address may be elsewhere in a table than near its home.
    #[inline(always)]
    fn reaches_far(&self, table: usize, address: u64) -> bool {
        self.far[neighbourhood(address)].load(Relaxed) >> table & 1 != 0
    }

    #[inline(always)]
    fn remove(&self, thread: &Thread, address: u64) -> Option<Block> {
        let newest = self.count.load(Acquire) - 1;
        let mut tables = self.near(address).load(Relaxed);
        while tables != 0 {
            let table = tables.ilog2() as usize;
            if let Some(block) = self.remove_from(table, address) {
                if table == newest {
                    let delta = &thread.block_delta[self.delta()];
                    delta.set(delta.get() - 1);
                    if delta.get() <= -UNFLUSHED {
                        self.flush(delta.replace(0));
                    }
                }
                return Some(block);
            }
            tables &= !(1 << table);
        }
        None
    }

    #[inline(always)]
    fn remove_from(&self, table: usize, address: u64) -> Option<Block> {
        match self.take(table, address, self.near_places(table, address)) {
            Looked::Found(block) => Some(block),
            Looked::Everywhere if self.reaches_far(table, address) => self.remove_far(table, address),
            _ => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn remove_far(&self, table: usize, address: u64) -> Option<Block> {
        match self.take(table, address, self.far_places(table, address)) {
            Looked::Found(block) => Some(block),
            _ => None,
        }
    }

    /// Takes the block at an address away from one of these places.
    #[inline(always)]
    fn take(&self, table: usize, address: u64, places: impl Iterator<Item = usize>) -> Looked<Block> {
        for index in places {
            let entry = self.entry(table, index);
            let first = entry[0].load(Relaxed);
            if first >> 16 == address {
                let block = Block::unpack(first, entry[1].load(Relaxed));
                entry[1].store(0, Relaxed);
                entry[0].store(REMOVED, Release);
                return Looked::Found(block);
            }
            if first == 0 {
                return Looked::UpToAnUnused;
            }
        }
        Looked::Everywhere
    }

    fn find(&self, address: u64) -> Option<Block> {
        let mut tables = self.near(address).load(Relaxed);
        while tables != 0 {
            let table = tables.ilog2() as usize;
            if let Some(block) = self.find_in(table, address) {
                return Some(block);
            }
            tables &= !(1 << table);
        }
        None
    }

    fn find_in(&self, table: usize, address: u64) -> Option<Block> {
        let far = self.reaches_far(table, address).then(|| self.far_places(table, address));
        for index in self.near_places(table, address).chain(far.into_iter().flatten()) {
            let entry = self.entry(table, index);
            let first = entry[0].load(Acquire);
            if first >> 16 == address {
                let (second, size) =
                    (entry[1].load(Acquire), if WORDS == 4 { entry[2].load(Relaxed) } else { 0 });
                // Of an entry that is being written or removed, the second word is 0; one that became another's has
                // another first.
                if second != 0 && entry[0].load(Relaxed) == first {
                    let block = Block::unpack(first, second);
                    return Some(if WORDS == 4 { Block { size, ..block } } else { block });
                }
                return None;
            }
            if first == 0 {
                return None;
            }
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn flush(&self, change: i32) {
        let used = self.used.0.fetch_add(change.into(), Relaxed) + i64::from(change);
        let newest = self.count.load(Relaxed) - 1;
        if used * 4 > self.entries(newest) as i64 * 3 {
            self.add_table(newest + 1);
        }
    }

    /// Adds the table of a number, if it isn't there yet. False where there is no space.
    #[cold]
    fn add_table(&self, table: usize) -> bool {
        if self.count.load(Acquire) > table {
            return true;
        }
        if table >= BLOCK_TABLES || !spool::ensure(self.section(table), self.entries(table) * WORDS * 8) {
            return false;
        }
        // Where two threads add it at once, the first one's count stands.
        if self.count.compare_exchange(table, table + 1, Release, Relaxed).is_ok() {
            self.used.0.store(0, Relaxed);
        }
        true
    }
}
