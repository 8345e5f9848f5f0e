//! What each thread did at each site: figures, lifetimes and histograms, one cache line a site.
//!
//! Every thread has its own counters, so that no two ever write the same line; a snapshot adds them up. They come
//! in pages of 32 sites, made when a thread first touches one of them: sites are numbered as they are first seen,
//! so the sites of one piece of work lie together.
//!
//! Most sites have one size and few lifetimes, and most see few blocks. So a counter has room for eight *tallies*, a
//! key and a count in a byte each. What is more, and what a byte can't hold, goes to a chain of lines, together with
//! what was live at the peak, which most sites never have.

use crate::os::single_writer::{bump, bump_byte, find_byte, set_lower};
use crate::spool;
use crate::thread::Thread;
use alloc_probe_format::spool::{LINE_CELLS, PAGE_RECORDS, SITE_LIMIT, Section, counter, line, tally};
use std::mem::offset_of;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Tally lines that a thread takes at once, so that threads do not share cache lines.
const LINE_BATCH: u64 = 16;

/// What one thread did at one site.
#[repr(C, align(64))]
pub(crate) struct Counter {
    total_bytes: AtomicU64,
    /// In parts of blocks, as the freed ones.
    total_blocks: AtomicU64,
    freed_bytes: AtomicU64,
    freed_blocks: AtomicU64,
    lifetime_sum: AtomicU64,
    /// `first line of the chain << 32 | epoch`.
    chain_and_epoch: AtomicU64,
    keys: AtomicU64,
    counts: AtomicU64,
}

/// Seven cells, a key and a count in one word, and the number of the next line.
///
/// In the first line of a chain the first two hold what was live at the peak.
#[repr(C)]
struct Line {
    cells: [AtomicU64; LINE_CELLS],
    next: AtomicU64,
}

const _: () = {
    assert!(size_of::<Counter>() == counter::WORDS * 8);
    assert!(offset_of!(Counter, total_bytes) == counter::TOTAL_BYTES * 8);
    assert!(offset_of!(Counter, total_blocks) == counter::TOTAL_BLOCKS * 8);
    assert!(offset_of!(Counter, freed_bytes) == counter::FREED_BYTES * 8);
    assert!(offset_of!(Counter, freed_blocks) == counter::FREED_BLOCKS * 8);
    assert!(offset_of!(Counter, lifetime_sum) == counter::LIFETIME_SUM * 8);
    assert!(offset_of!(Counter, chain_and_epoch) == counter::CHAIN_AND_EPOCH * 8);
    assert!(offset_of!(Counter, keys) == counter::KEYS * 8);
    assert!(offset_of!(Counter, counts) == counter::COUNTS * 8);
    assert!(size_of::<Line>() == 64);
};

/// The calling thread's counter of a site. None where there is no space for it.
#[inline(always)]
pub(crate) fn of_site(thread: &Thread, site: u32) -> Option<&'static Counter> {
    // A thread may well free what others allocated before it allocates anything.
    if u64::from(site) >= SITE_LIMIT || (thread.pages.get().is_null() && !thread.make_private()) {
        return None;
    }
    let directory = thread.pages.get();
    // SAFETY: the directory has an entry for each page of sites below the limit.
    let entry = unsafe { &*directory.add(site as usize / PAGE_RECORDS) };
    let page = match entry.load(Relaxed) {
        0 => add_page(thread, site, entry)?,
        page => page,
    };
    let record = page as usize * PAGE_RECORDS + site as usize % PAGE_RECORDS;
    // SAFETY: `add_page` made sure that the section holds the whole page, at an address that stays; only this
    // thread's slot has the page.
    Some(unsafe { &*spool::base(Section::COUNTERS).cast::<Counter>().add(record) })
}

#[cold]
#[inline(never)]
fn add_page(thread: &Thread, site: u32, entry: &AtomicU32) -> Option<u32> {
    let mut page = spool::add_entry(Section::PAGES, 8)?;
    if page == 0 {
        page = spool::add_entry(Section::PAGES, 8)?; // 0 means none.
    }
    let number = u32::try_from(page).ok()?;
    if !spool::ensure(Section::COUNTERS, (page as usize + 1) * PAGE_RECORDS * size_of::<Counter>()) {
        return None;
    }
    let first_site = u64::from(site) / PAGE_RECORDS as u64 * PAGE_RECORDS as u64;
    // SAFETY: `add_entry` made room for the entry, which is this call's alone.
    let owner = unsafe { &*spool::base(Section::PAGES).add(page as usize) };
    owner.store(u64::from(thread.slot) << 32 | first_site, Relaxed);
    entry.store(number, Relaxed);
    Some(number)
}

impl Counter {
    /// A block was allocated, which counts as `parts`.
    #[inline(always)]
    pub(crate) fn add(&self, thread: &Thread, size: u64, parts: u64, epoch: u64) {
        self.settle(thread, epoch);
        bump(&self.total_bytes, size);
        bump(&self.total_blocks, parts);
    }

    /// A block ended, which counts as `parts`.
    #[inline(always)]
    pub(crate) fn remove(&self, thread: &Thread, size: u64, parts: u64, epoch: u64) {
        self.settle(thread, epoch);
        bump(&self.freed_bytes, size);
        bump(&self.freed_blocks, parts);
    }

    /// Settles what was live at the peak, if there was a new one since the last change. Half of the peak's number
    /// will do: nobody sees four thousand million peaks between two looks.
    #[inline(always)]
    fn settle(&self, thread: &Thread, epoch: u64) {
        if self.chain_and_epoch.load(Relaxed) as u32 != epoch as u32 {
            self.keep_peak(thread, epoch);
        }
    }

    #[inline(never)]
    fn keep_peak(&self, thread: &Thread, epoch: u64) {
        let live =
            |total: &AtomicU64, freed: &AtomicU64| total.load(Relaxed).wrapping_sub(freed.load(Relaxed));
        let bytes = live(&self.total_bytes, &self.freed_bytes);
        let blocks = live(&self.total_blocks, &self.freed_blocks);
        let chain = self.chain_and_epoch.load(Relaxed) >> 32;
        // Without a chain, nothing was live.
        if chain != 0 || bytes != 0 || blocks != 0 {
            // Where there is no space for it, that is said; what was live then is taken to be what is live now.
            let Some(line) = self.chain(thread) else { return };
            line.cells[line::PEAK_BYTES].store(bytes, Relaxed);
            line.cells[line::PEAK_BLOCKS].store(blocks, Relaxed);
        }
        set_lower(&self.chain_and_epoch, epoch as u32);
    }

    /// A block of a size was allocated: its bucket.
    #[inline(always)]
    pub(crate) fn tally_size(&self, thread: &Thread, size: u64) {
        self.tally(thread, tally::SIZE + u64::from(size.max(1).ilog2()), 1);
    }

    /// A block ended at an age, in clock units.
    #[inline(always)]
    pub(crate) fn tally_lifetime(&self, thread: &Thread, units: u64) {
        self.tally_lifetimes(thread, units, 1);
    }

    /// As many blocks as a sample stands for ended at an age, in clock units.
    #[inline(always)]
    pub(crate) fn tally_lifetimes(&self, thread: &Thread, units: u64, blocks: u64) {
        bump(&self.lifetime_sum, units.wrapping_mul(blocks));
        self.tally(thread, tally::LIFETIME + tally::time_bucket(units), blocks);
    }

    /// Adds to the tally of a key.
    #[inline(always)]
    pub(crate) fn tally(&self, thread: &Thread, key: u64, by: u64) {
        let place = find_byte(self.keys.load(Relaxed), key as u8);
        if place < 8 && by < 256 {
            if bump_byte(&self.counts, place, by as u8) {
                self.tally_in_chain(thread, key, 256);
            }
        } else {
            self.tally_further(thread, key, by);
        }
    }

    /// The key is not among a counter's own: it is new, or in the chain.
    #[inline(never)]
    fn tally_further(&self, thread: &Thread, key: u64, by: u64) {
        let keys = self.keys.load(Relaxed);
        let place = find_byte(keys, 0);
        if place < 8 && by < 256 && find_byte(keys, key as u8) == 8 {
            // Where a signal handler was faster, it may have taken the place for another key.
            let taken = keys | key << (8 * place);
            let _ = self.keys.compare_exchange(keys, taken, Relaxed, Relaxed);
            return self.tally(thread, key, by);
        }
        self.tally_in_chain(thread, key, by);
    }

    /// The first line of the chain, made when it is needed. None where there is no space.
    fn chain(&self, thread: &Thread) -> Option<&'static Line> {
        let before = self.chain_and_epoch.load(Relaxed);
        let first = match before >> 32 {
            0 => {
                let new = add_line(thread)?;
                let after = before | new << 32;
                let made = self.chain_and_epoch.compare_exchange(before, after, Relaxed, Relaxed);
                made.map_or_else(|now| now >> 32, |_| new)
            }
            first => first,
        };
        // The handler that was faster may have done no more than change the epoch.
        if first == 0 { self.chain(thread) } else { Some(numbered(first)) }
    }

    /// Adds to a key's cell in the chain. Where there is no space, that is said, and a histogram does not add up.
    #[inline(never)]
    fn tally_in_chain(&self, thread: &Thread, key: u64, by: u64) {
        let Some(mut line) = self.chain(thread) else { return };
        let mut cells = &line.cells[line::FIRST_CELL..];
        loop {
            for cell in cells {
                let _ = cell.compare_exchange(0, key, Relaxed, Relaxed);
                if cell.load(Relaxed) & 0xff == key {
                    return bump(cell, by << tally::COUNT_SHIFT);
                }
            }
            let next = match line.next.load(Relaxed) {
                0 => {
                    let Some(new) = add_line(thread) else { return };
                    line.next.compare_exchange(0, new, Relaxed, Relaxed).map_or_else(|next| next, |_| new)
                }
                next => next,
            };
            line = numbered(next);
            cells = &line.cells;
        }
    }
}

/// The line of a number that `add_line` gave out.
fn numbered(number: u64) -> &'static Line {
    // SAFETY: numbers of lines are given out by `add_line`, which made room for them at addresses that stay.
    unsafe { &*spool::base(Section::TALLIES).cast::<Line>().add(number as usize) }
}

#[cold]
#[inline(never)]
fn add_line(thread: &Thread) -> Option<u64> {
    // A batch starts at a multiple of its length, and ends before the next one.
    let mut next = thread.lines.load(Relaxed);
    while next % LINE_BATCH != 0 {
        match thread.lines.compare_exchange(next, next + 1, Relaxed, Relaxed) {
            Ok(_) => return Some(next),
            Err(now) => next = now,
        }
    }
    let first = spool::add_entry(Section::TALLIES, LINE_BATCH as usize * size_of::<Line>())? * LINE_BATCH;
    // The first of a batch stays unused: line 0 means none, and a thread that has no batch is at the start of one.
    thread.lines.store(first + 2, Relaxed);
    Some(first + 1)
}
