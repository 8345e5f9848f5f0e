//! Which pages are resident, and how many of their bytes are what.
//!
//! A bit for each page says whether it is resident, and the number of such bits before it where its figures are: so
//! address space that was reserved and never touched costs next to nothing, and no block has to be searched for.

use crate::os::{PAGE, PageMap};
use alloc_probe_format::mappings::Mapping;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The bytes of a resident page. What none of these have is free.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page {
    /// Asked for by live blocks.
    pub(super) live: u16,
    /// Added to these by the allocator.
    pub(super) slack: u16,
    /// In use otherwise.
    pub(super) other: u16,
    /// Live blocks that have bytes here.
    pub(super) blocks: u16,
    /// Whether it belongs to the heap.
    pub(super) in_heap: bool,
    /// Whether it is not known what of it is free, but for live blocks.
    pub(super) is_unknown: bool,
}

impl Page {
    pub(super) fn free(&self) -> u16 {
        PAGE as u16 - self.live - self.slack - self.other
    }

    /// Whether a live block has bytes here, or the allocator added some to one.
    fn has_block(&self) -> bool {
        self.blocks > 0 || self.slack > 0
    }

    /// What a block that lies here has of the free bytes: an equal part of what others have left.
    pub(super) fn take_share(&mut self) -> u64 {
        let share = self.free().checked_div(self.blocks).unwrap_or(0);
        self.blocks = self.blocks.saturating_sub(1);
        self.add_other(share.into())
    }

    pub(super) fn add_live(&mut self, bytes: u64) -> u64 {
        let room = self.free();
        add(&mut self.live, room, bytes)
    }

    pub(super) fn add_slack(&mut self, bytes: u64) -> u64 {
        let room = self.free();
        add(&mut self.slack, room, bytes)
    }

    pub(super) fn add_other(&mut self, bytes: u64) -> u64 {
        let room = self.free();
        add(&mut self.other, room, bytes)
    }
}

/// Adds as much as there is room for, which is all, unless threads have gone on meanwhile. Returns how much.
fn add(figure: &mut u16, room: u16, bytes: u64) -> u64 {
    let added = bytes.min(room.into());
    *figure += added as u16;
    added
}

/// Where some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On a resident page, by its number in [`Pages::figures`].
    Resident(usize),
    Swapped,
    Untouched,
    /// In memory that was not looked at.
    Elsewhere,
}

/// The pages of some mappings.
#[derive(Default)]
pub(super) struct Pages {
    ranges: Vec<Range>,
    resident: Vec<u64>,
    /// Bits before each word of `resident`.
    before: Vec<u32>,
    swapped: Vec<u64>,
    pub(super) figures: Vec<Page>,
    /// The range that was found last.
    last: usize,
}

type Range64 = std::ops::Range<u64>;

/// A mapping, in pages.
struct Range {
    start: u64,
    end: u64,
    /// Its first word of `resident`; none where none of its pages is.
    word: Option<usize>,
}

const PAGE_BYTES: u64 = PAGE as u64;

/// Bits of an entry of `/proc/self/pagemap`.
mod entry {
    pub(super) const PRESENT: u64 = 1 << 63;
    pub(super) const SWAPPED: u64 = 1 << 62;
    pub(super) const EXCLUSIVE: u64 = 1 << 56;
}

impl Pages {
    /// More than what is kept of a mapping takes, with its chunks.
    pub(super) fn needs(mapping: &Mapping) -> u64 {
        let (space, resident) = ((mapping.end - mapping.start) as u64, mapping.resident);
        // A bit and a part of a number for each page; figures for each that is resident; three bits for each 16 bytes, a
        // block's site for each 32 at the most, and the links of caches.
        space / PAGE_BYTES / 4 + resident / PAGE_BYTES * size_of::<Page>() as u64 + resident / 4
    }

    /// The pages of mappings, by address. None where the system does not tell.
    pub(super) fn of(mappings: &[Mapping]) -> Option<Pages> {
        let file = File::open("/proc/self/pagemap").ok()?;
        let mut pages = Pages::default();
        for mapping in mappings {
            let (start, end) = (mapping.start as u64 / PAGE_BYTES, mapping.end as u64 / PAGE_BYTES);
            let word = if mapping.resident + mapping.swapped == 0 {
                None
            } else {
                let word = pages.resident.len();
                pages.read(&file, start, end, mapping)?;
                Some(word)
            };
            pages.ranges.push(Range { start, end, word });
        }
        pages.count();
        Some(pages)
    }

    /// Reads which pages of a mapping are there.
    ///
    /// A page that was read and never written to is the one page of zeros, which is not the process's memory. It is
    /// shared, but so are pages of a process that has forked: the mapping's own figure tells how many are which.
    fn read(&mut self, file: &File, start: u64, end: u64, mapping: &Mapping) -> Option<()> {
        let first = self.resident.len();
        let words = ((end - start) as usize).div_ceil(64);
        self.resident.resize(first + words, 0);
        if mapping.swapped > 0 {
            self.swapped.resize(first + words, 0);
        }
        let mut buffer = vec![0u8; 1 << 15];
        let mut shared: Vec<u64> = Vec::new();
        let (mut own, mut swapped) = (0, 0);
        let mut page = start;
        // A program that goes on may have touched more by now: so one part more than what there was is looked at.
        let mut more = true;
        while page < end && more {
            more = (own + swapped) * PAGE_BYTES < mapping.resident + mapping.swapped;
            let bytes = buffer.len().min((end - page) as usize * 8);
            let got = file.read_at(&mut buffer[..bytes], page * 8).ok().filter(|&got| got >= 8)?;
            for bytes in buffer[..got].chunks_exact(8) {
                let entry = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
                let place = page - start;
                let (word, bit) = (first + (place / 64) as usize, 1 << (place % 64));
                if entry & entry::PRESENT != 0 {
                    self.resident[word] |= bit;
                    if entry & entry::EXCLUSIVE != 0 { own += 1 } else { shared.push(place) }
                } else if entry & entry::SWAPPED != 0 && mapping.swapped > 0 {
                    self.swapped[word] |= bit;
                    swapped += 1;
                }
                page += 1;
            }
        }
        let zeros = (own + shared.len() as u64).saturating_sub(mapping.resident / PAGE_BYTES);
        for place in shared.into_iter().take(zeros as usize) {
            self.resident[first + (place / 64) as usize] &= !(1 << (place % 64));
        }
        Some(())
    }

    fn count(&mut self) {
        let mut count = 0;
        self.before.reserve_exact(self.resident.len());
        for word in &self.resident {
            self.before.push(count);
            count += word.count_ones();
        }
        self.figures = vec![Page::default(); count as usize];
    }

    fn range(&mut self, page: u64) -> Option<&Range> {
        if !self.ranges.get(self.last).is_some_and(|range| (range.start..range.end).contains(&page)) {
            self.last = self.ranges.partition_point(|range| range.end <= page);
        }
        self.ranges.get(self.last).filter(|range| range.start <= page)
    }

    /// Where an address is, and up to where that holds: to the end of its page at the most if it is resident or
    /// swapped, and else to `end` at the most.
    fn step(&mut self, at: u64, end: u64) -> (Place, u64) {
        let page = at / PAGE_BYTES;
        let Some(&Range { start, end: behind, word }) = self.range(page) else {
            return (Place::Elsewhere, end);
        };
        let end = end.min(behind * PAGE_BYTES);
        let Some(word) = word else { return (Place::Untouched, end) };
        let (index, bit) = (word + ((page - start) / 64) as usize, (page - start) % 64);
        let (resident, swapped) = (self.resident[index], self.swapped.get(index).copied().unwrap_or(0));
        let (place, pages) = match (resident >> bit & 1, swapped >> bit & 1) {
            (0, 0) => {
                let absent = ((resident | swapped) >> bit).trailing_zeros();
                (Place::Untouched, u64::from(absent).min(64 - bit))
            }
            (0, _) => (Place::Swapped, 1),
            _ => {
                let earlier = (resident & ((1 << bit) - 1)).count_ones();
                (Place::Resident((self.before[index] + earlier) as usize), 1)
            }
        };
        (place, end.min((page + pages) * PAGE_BYTES))
    }

    /// Calls `f` with each place from one address to another and how many bytes are there, by address.
    #[inline]
    pub(super) fn for_each(&mut self, start: u64, end: u64, mut f: impl FnMut(&mut [Page], Place, u64)) {
        let mut at = start;
        while at < end {
            let (place, next) = self.step(at, end);
            f(&mut self.figures, place, next - at);
            at = next;
        }
    }

    /// The first resident page that begins in a range which begins and ends with pages.
    pub(super) fn next_resident(&mut self, start: u64, end: u64) -> Option<u64> {
        let mut at = start;
        while at < end {
            let (place, next) = self.step(at, end);
            if matches!(place, Place::Resident(_)) {
                return Some(at);
            }
            at = next;
        }
        None
    }

    /// How many bytes are resident from one address to another.
    pub(super) fn resident_bytes(&mut self, start: u64, end: u64) -> u64 {
        let mut resident = 0;
        self.for_each(start, end, |_, place, bytes| {
            if let Place::Resident(_) = place {
                resident += bytes;
            }
        });
        resident
    }

    /// How many bytes of pages that are not the heap's were resident and are no longer.
    pub(super) fn gone_bytes(&mut self, start: u64, end: u64) -> u64 {
        let Some(map) = PageMap::open() else { return 0 };
        let mut gone = 0;
        let mut run = start..start;
        let mut close = |run: &Range64| {
            gone += (run.end - run.start).saturating_sub(map.touched_bytes(run.start, run.end));
        };
        let mut at = start;
        self.for_each(start, end, |figures, place, bytes| {
            if matches!(place, Place::Resident(index) if !figures[index].in_heap) {
                if run.end != at {
                    close(&run);
                    run = at..at;
                }
                run.end = at + bytes;
            }
            at += bytes;
        });
        close(&run);
        gone
    }

    /// Whether any page from one address to another is the heap's.
    pub(super) fn any_in_heap(&mut self, start: u64, end: u64) -> bool {
        let mut any = false;
        self.for_each(start, end, |figures, place, _| {
            if let Place::Resident(index) = place {
                any |= figures[index].in_heap;
            }
        });
        any
    }

    /// Where an address is.
    pub(super) fn place(&mut self, address: u64) -> Place {
        self.step(address, address + 1).0
    }

    /// How many pages from an address on are resident, up to a number of them.
    pub(super) fn resident_from(&mut self, address: u64, most: usize) -> usize {
        let start = address / PAGE_BYTES;
        (0..most as u64)
            .take_while(|page| matches!(self.place((start + page) * PAGE_BYTES), Place::Resident(_)))
            .count()
    }

    /// Makes the resident pages from one address to another the heap's.
    pub(super) fn claim(&mut self, start: u64, end: u64) {
        self.for_each(start, end, |pages, place, _| {
            if let Place::Resident(index) = place {
                pages[index].in_heap = true;
            }
        });
    }

    /// Claims whole mappings where live blocks lie on pages that nobody has claimed. So every page that a block has anything of
    /// is the heap's, and what the sites have of such pages is what the heap has.
    pub(super) fn claim_with_blocks(&mut self) {
        self.claim_if(|pages, start, end| {
            let mut found = false;
            pages.for_each(start, end, |figures, place, _| {
                if let Place::Resident(index) = place {
                    found |= figures[index].has_block() && !figures[index].in_heap;
                }
            });
            found
        });
        self.figures.iter_mut().for_each(|page| page.in_heap |= page.has_block());
    }

    /// Claims whole mappings with a resident page at whose address something is so.
    pub(super) fn claim_where(&mut self, is_so: impl Fn(u64) -> bool) {
        self.claim_if(|pages, start, end| {
            let mut at = start;
            while let Some(page) = pages.next_resident(at, end) {
                if is_so(page) {
                    return true;
                }
                at = page + PAGE_BYTES;
            }
            false
        });
    }

    fn claim_if(&mut self, mut is_so: impl FnMut(&mut Pages, u64, u64) -> bool) {
        for index in 0..self.ranges.len() {
            let Range { start, end, .. } = self.ranges[index];
            let (start, end) = (start * PAGE_BYTES, end * PAGE_BYTES);
            if is_so(self, start, end) {
                self.claim(start, end);
            }
        }
    }
}
