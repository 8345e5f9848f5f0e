//! Which pages are resident, and how many of their bytes are what.
//!
//! A bit for each page says whether it is resident, and the number of such bits before it where its figures are: so no
//! block has to be searched for. Address space that was reserved and never touched has no bits.
//!
//! Threads that go on unmap and move what was seen to be resident, and map other memory in its place. What is the heap's
//! counts as what it was. Of the rest, whatever is no longer there, or has become the heap's, counts as *changed*: what it
//! was is not known.

use crate::os::{PAGE, PageMap, entry};
use alloc_probe_format::mappings::Mapping;

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
    /// Whether it has become something else since it was seen to be resident.
    has_changed: bool,
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
    mappings: Vec<Range64>,
    ranges: Vec<Range>,
    resident: Vec<u64>,
    /// Bits before each word of `resident`.
    before: Vec<u32>,
    swapped: Vec<u64>,
    pub(super) figures: Vec<Page>,
    /// The range that was found last.
    last: usize,
}

/// From an address to another.
type Range64 = std::ops::Range<u64>;

/// A part of a mapping, in pages.
struct Range {
    start: u64,
    end: u64,
    /// Its first word of `resident`; none where none of its pages is.
    word: Option<usize>,
}

const PAGE_BYTES: u64 = PAGE as u64;

/// From so many pages on, those that were never touched in between are a range of their own.
const GAP: u64 = 512;

impl Pages {
    /// More than what is kept of a mapping takes, with its chunks.
    pub(super) fn needs(mapping: &Mapping) -> u64 {
        let (space, resident) = ((mapping.end - mapping.start) as u64, mapping.resident);
        let touched = (resident + mapping.swapped) / PAGE_BYTES;
        // A bit and a part of a number for each page, or for the gap before each that was touched; figures for each that is
        // resident; three bits for each 16 bytes, a block's site for each 32 at the most, and the links of caches.
        let bits = (space / PAGE_BYTES / 4).min(touched * (GAP / 4 + 2 * size_of::<Range>() as u64));
        bits + resident / PAGE_BYTES * size_of::<Page>() as u64 + resident / 4
    }

    /// The pages of mappings, by address. None where the system does not tell.
    pub(super) fn of(mappings: &[Mapping]) -> Option<Pages> {
        let map = PageMap::open()?;
        let mut pages = Pages::default();
        for mapping in mappings {
            pages.read(&map, mapping)?;
            pages.mappings.push(mapping.start as u64..mapping.end as u64);
        }
        pages.count();
        Some(pages)
    }

    /// Reads which pages of a mapping are there.
    ///
    /// A page that was read and never written to is the one page of zeros, which is not the process's memory. It is
    /// shared, but so are pages of a process that has forked: the mapping's own figure tells how many are which.
    fn read(&mut self, map: &PageMap, mapping: &Mapping) -> Option<()> {
        let (start, end) = (mapping.start as u64 / PAGE_BYTES, mapping.end as u64 / PAGE_BYTES);
        let expected = (mapping.resident + mapping.swapped) / PAGE_BYTES;
        // What comes next to be told of, and the range that it may still belong to.
        let mut next = start;
        let mut range: Option<Range> = None;
        let mut shared: Vec<(usize, u64)> = Vec::new();
        let (mut own, mut swapped) = (0, 0);
        let took = |at: u64, entries: &[u64], is_sparse: bool| {
            for (page, entry) in (at / PAGE_BYTES..).zip(entries) {
                if entry & (entry::PRESENT | entry::SWAPPED) == 0 {
                    continue;
                }
                if range.as_ref().is_none_or(|range| page - range.end >= GAP) {
                    self.ranges.extend(range.take());
                    if page > next {
                        self.ranges.push(Range { start: next, end: page, word: None });
                    }
                    range = Some(Range { start: page, end: page, word: Some(self.resident.len()) });
                }
                let Some(Range { start, end, word: Some(first) }) = &mut range else { continue };
                (*end, next) = (page + 1, page + 1);
                let (word, bit) = (*first + ((page - *start) / 64) as usize, 1 << ((page - *start) % 64));
                self.resident.resize(word + 1, 0);
                if entry & entry::PRESENT != 0 {
                    self.resident[word] |= bit;
                    if entry & entry::EXCLUSIVE != 0 { own += 1 } else { shared.push((word, bit)) }
                } else {
                    self.swapped.resize(word + 1, 0);
                    self.swapped[word] |= bit;
                    swapped += 1;
                }
            }
            // A program that goes on may have touched more by now: so one part more than what there was is looked at.
            is_sparse || own + swapped < expected
        };
        if expected > 0 && !map.for_each_entries(mapping.start as u64, mapping.end as u64, took) {
            return None;
        }
        self.ranges.extend(range);
        if next < end {
            self.ranges.push(Range { start: next, end, word: None });
        }
        let zeros = (own + shared.len() as u64).saturating_sub(mapping.resident / PAGE_BYTES);
        for (word, bit) in shared.into_iter().take(zeros as usize) {
            self.resident[word] &= !bit;
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

    /// How many bytes were never touched from one address to another.
    pub(super) fn untouched_bytes(&mut self, start: u64, end: u64) -> u64 {
        let mut untouched = 0;
        self.for_each(start, end, |_, place, bytes| {
            if place == Place::Untouched {
                untouched += bytes;
            }
        });
        untouched
    }

    /// Looks at the pages once more that are nobody's, and notes which have changed: those that are no longer there, and those
    /// of which `becomes` tells up to where they have become something else. Tells whether any have.
    pub(super) fn look_again(&mut self, mut becomes: impl FnMut(u64) -> Option<u64>) -> bool {
        let Some(map) = PageMap::open() else { return false };
        let mut nobodys: Vec<Range64> = Vec::new();
        for Range64 { start, end } in self.mappings.clone() {
            let mut at = start;
            self.for_each(start, end, |figures, place, bytes| {
                if matches!(place, Place::Resident(index) if !figures[index].in_heap && !figures[index].has_changed) {
                    match nobodys.last_mut().filter(|range| range.end == at) {
                        Some(range) => range.end += bytes,
                        None => nobodys.push(at..at + bytes),
                    }
                }
                at += bytes;
            });
        }
        let mut changed: Vec<Range64> = Vec::new();
        for Range64 { start, end } in nobodys {
            let mut behind = start;
            map.for_each_touched(start, end, |start, end| {
                if behind < start {
                    changed.push(behind..start);
                }
                behind = end;
                let mut at = start;
                while at < end {
                    let next = becomes(at);
                    if let Some(next) = next {
                        changed.push(at..next.min(end));
                    }
                    at = next.unwrap_or(at + PAGE_BYTES);
                }
            });
            if behind < end {
                changed.push(behind..end);
            }
        }
        changed.iter().for_each(|range| self.have_changed(range.start, range.end));
        !changed.is_empty()
    }

    /// Notes that pages have changed, where no block lies on them.
    pub(super) fn have_changed(&mut self, start: u64, end: u64) {
        self.for_each(start, end, |figures, place, _| {
            if let Place::Resident(index) = place {
                let page = &mut figures[index];
                page.has_changed |= !page.has_block();
                page.in_heap &= !page.has_changed;
            }
        });
    }

    /// How many bytes of pages have changed.
    pub(super) fn changed_bytes(&mut self, start: u64, end: u64) -> u64 {
        let mut changed = 0;
        self.for_each(start, end, |figures, place, bytes| {
            if matches!(place, Place::Resident(index) if figures[index].has_changed && !figures[index].in_heap) {
                changed += bytes;
            }
        });
        changed
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

    /// Makes the resident pages from one address to another the heap's, but for those that have become something else.
    pub(super) fn claim(&mut self, start: u64, end: u64) {
        self.for_each(start, end, |pages, place, _| {
            if let Place::Resident(index) = place {
                pages[index].in_heap |= !pages[index].has_changed;
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
        for Range64 { start, end } in self.mappings.clone() {
            if is_so(self, start, end) {
                self.claim(start, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::memory::malloc::Look;
    use crate::os::reserve;

    /// The mapping at an address: nobody else maps memory there meanwhile.
    fn mapping_at(address: u64) -> Mapping {
        let all = alloc_probe_format::mappings::all("self", &Default::default()).unwrap();
        all.into_iter().find(|m| (m.start as u64..m.end as u64).contains(&address)).unwrap()
    }

    fn touch(address: u64, word: u64) {
        // SAFETY: the tests touch memory that they reserved for themselves.
        unsafe { (address as *mut u64).write_volatile(word) };
    }

    fn give_back(address: u64, bytes: u64) {
        // SAFETY: as above; private memory without a file is zeros again then.
        let status = unsafe { libc::madvise(address as *mut _, bytes as usize, libc::MADV_DONTNEED) };
        assert_eq!(status, 0);
    }

    #[test]
    fn of_reserved_memory_only_what_was_touched_is_kept() {
        const SPACE: u64 = 1 << 40;
        let start = reserve(SPACE as usize).expect("address space").as_ptr() as u64;
        let touched = [0, 1, 3, 3 + GAP, 1 << 20, (1 << 28) - 1].map(|page| start + page * PAGE_BYTES);
        touched.iter().for_each(|&address| touch(address, 1));
        let mapping = mapping_at(start);
        let mut pages = Pages::of(&[mapping]).expect("a page map");
        assert!(pages.resident.len() < 100, "{}", pages.resident.len());
        assert!(Pages::needs(&mapping) < 1 << 20);
        for address in touched {
            assert!(matches!(pages.place(address), Place::Resident(_)), "{}", address - start);
        }
        for page in [2, 4, 2 + GAP, 4 + GAP, 1 << 27] {
            assert_eq!(pages.place(start + page * PAGE_BYTES), Place::Untouched, "{page}");
        }
        assert_eq!(pages.resident_bytes(start, start + SPACE), touched.len() as u64 * PAGE_BYTES);
        assert_eq!(pages.next_resident(start + (2 << 12), start + SPACE), Some(touched[2]));
        assert_eq!(pages.next_resident(start + (1 << 33), start + SPACE), Some(touched[5]));
    }

    #[test]
    fn what_is_given_back_or_becomes_a_chunk_has_changed() {
        const PAGES: u64 = 16;
        let space = reserve((PAGES + 2) as usize * PAGE).expect("address space").as_ptr() as u64;
        let page = |number: u64| space + (1 + number) * PAGE_BYTES;
        // Nothing can be read behind and before it, so that no other chunk is found there.
        for edge in [space, page(PAGES)] {
            // SAFETY: the memory is this test's own.
            assert_eq!(unsafe { libc::munmap(edge as *mut _, PAGE) }, 0);
        }
        (0..PAGES).for_each(|number| touch(page(number), 7));
        let mut pages = Pages::of(&[mapping_at(page(0))]).expect("a page map");
        pages.claim(page(0), page(2));
        let look = |pages: &mut Pages| {
            let mut look = Look::at(1000);
            (
                pages.look_again(|at| look.mapped_chunk_over(at)),
                pages.changed_bytes(page(0), page(PAGES)) / PAGE_BYTES,
            )
        };
        assert_eq!(look(&mut pages), (false, 0));
        // What is the heap's is what it was, also where it went.
        give_back(page(0), PAGE_BYTES);
        assert_eq!(look(&mut pages), (false, 0));
        give_back(page(4), 3 * PAGE_BYTES);
        assert_eq!(look(&mut pages), (true, 3));
        // A chunk of four pages with a mapping of its own.
        touch(page(10), 0);
        touch(page(10) + 8, (4 * PAGE_BYTES) | 2);
        assert_eq!(look(&mut pages), (true, 7));
        assert_eq!(look(&mut pages), (false, 7));
        // One that begins where nothing was resident.
        touch(page(6), 0);
        touch(page(6) + 8, (2 * PAGE_BYTES) | 2);
        assert_eq!(look(&mut pages), (true, 8));
        // And what has changed is not the heap's, unless a block lies there.
        pages.claim(page(0), page(PAGES));
        assert_eq!(pages.changed_bytes(page(0), page(PAGES)), 8 * PAGE_BYTES);
    }
}
