//! What each thread did at each site: figures, lifetimes and histograms, two cache lines a site.
//!
//! Every thread has its own counters, so that no two ever write the same line; a snapshot adds them up. They come
//! in pages of 32 sites, made when a thread first touches one of them: sites are numbered as they are first seen,
//! so the sites of one piece of work lie together.
//!
//! Histograms and rare sums are *tally cells*, a key and a count in one word: a counter has seven, and chains lines
//! of seven more where a site needs them. Most sites have one size and few lifetimes.

use crate::figures::{Figures, bump};
use crate::memory::spool;
use crate::thread::Thread;
use alloc_probe_format::spool::{LINE_CELLS, PAGE_RECORDS, Section, counter, tally};
use std::mem::offset_of;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// How many sites there can be: site numbers have 24 bits in the table of live blocks.
pub(crate) const SITE_LIMIT: u64 = 1 << 24;

/// Bytes of a thread's directory of pages. Only what is used becomes memory.
pub(crate) const DIRECTORY_BYTES: usize = SITE_LIMIT as usize / PAGE_RECORDS * 4;

/// Tally lines that a thread takes at once, so that threads do not share cache lines.
const LINE_BATCH: u64 = 16;

/// What one thread did at one site.
#[repr(C, align(128))]
pub(crate) struct Counter {
    pub(crate) figures: Figures,
    pub(crate) lifetime_sum: AtomicU64,
    cells: Line,
}

/// Seven tally cells and the number of the next line.
#[repr(C)]
struct Line {
    cells: [AtomicU64; LINE_CELLS],
    next: AtomicU64,
}

const _: () = {
    assert!(size_of::<Counter>() == counter::WORDS * 8);
    assert!(offset_of!(Counter, lifetime_sum) == counter::LIFETIME_SUM * 8);
    assert!(offset_of!(Counter, cells) == counter::CELLS * 8);
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

    /// Adds to the cell of a key.
    #[inline(always)]
    pub(crate) fn tally(&self, thread: &Thread, key: u64, by: u64) {
        for cell in &self.cells.cells {
            if cell.load(Relaxed) & 0xff == key {
                return bump(cell, by << tally::COUNT_SHIFT);
            }
        }
        tally_further(thread, &self.cells, key, by);
    }
}

/// The cell is not among a counter's own: it is new, or further down the chain. A signal handler may come first.
#[inline(never)]
fn tally_further(thread: &Thread, first: &Line, key: u64, by: u64) {
    let mut line = first;
    loop {
        for cell in &line.cells {
            let _ = cell.compare_exchange(0, key, Relaxed, Relaxed);
            if cell.load(Relaxed) & 0xff == key {
                return bump(cell, by << tally::COUNT_SHIFT);
            }
        }
        let next = match line.next.load(Relaxed) {
            0 => match add_line(thread) {
                Some(new) => {
                    line.next.compare_exchange(0, new, Relaxed, Relaxed).map_or_else(|next| next, |_| new)
                }
                None => return, // No space: the histogram misses this block, and does not add up.
            },
            next => next,
        };
        // SAFETY: numbers of lines are given out by `add_line`, which made room for them.
        line = unsafe { &*spool::base(Section::TALLIES).cast::<Line>().add(next as usize) };
    }
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
