//! What the heap of a running process holds, as far as it can be told from outside: which pages are resident, and which of
//! them live blocks lie on. What the allocator has on the other pages, only the process itself can look at.

use super::page_map::PageMap;
use alloc_probe_format::dump::{Heap, HeapBasis, SitePages};
use alloc_probe_format::mappings::Mapping;
use alloc_probe_format::snapshot::for_each_live_block;
use alloc_probe_format::spool::{Section, Spool as _};
use alloc_probe_format::spool_file::SpoolFile;

/// The account of the heap, and its parts by the numbers of the sites.
pub(super) struct Account {
    pub(super) heap: Heap,
    pub(super) sites: Vec<SitePages>,
}

/// How an allocator rounds blocks, as far as it is known: from an address and a size, where what it takes for the block begins
/// and ends.
pub(super) type Rounding = fn(u64, u64) -> (u64, u64);

/// That of glibc's `malloc`: a chunk begins with its size, has a multiple of 16 bytes, and at least 32; a large block has pages
/// of its own, in which it is the first.
pub(super) fn of_glibc(address: u64, size: u64) -> (u64, u64) {
    const LARGE: u64 = 128 << 10;
    // More than there are addresses for is a word that was read while it was written.
    let size = size.min(1 << 47);
    let chunk = (size + 8).next_multiple_of(16).max(32);
    if size >= LARGE && address % PAGE == 16 {
        return (address - 16, address.saturating_add(size).min(1 << 48).next_multiple_of(PAGE));
    }
    (address.saturating_sub(8), address.saturating_sub(8).saturating_add(chunk))
}

const PAGE: u64 = 4096;

/// A page that is resident or swapped out.
struct Page {
    number: u64,
    live: u16,
    slack: u16,
    /// Live blocks that have bytes here.
    blocks: u16,
    is_swapped: bool,
    /// The mapping that it is of.
    mapping: usize,
}

impl Page {
    const fn free(&self) -> u16 {
        PAGE as u16 - self.live - self.slack
    }
}

/// None where the system does not tell, or its pages are not those that are looked for.
pub(super) fn account(
    pid: u32,
    spool: &SpoolFile,
    mappings: &[Mapping],
    rounding: Option<Rounding>,
) -> Option<Account> {
    if rustix::param::page_size() as u64 != PAGE {
        return None;
    }
    let map = PageMap::open(&pid.to_string()).ok()?;
    let mut pages = Vec::new();
    for (index, mapping) in mappings.iter().enumerate().filter(|(_, mapping)| mapping.may_hold_blocks()) {
        read(&map, index, mapping, &mut pages)?;
    }
    let basis = if rounding.is_some() { HeapBasis::Classes } else { HeapBasis::Pages };
    let sites = spool.words(Section::SITES).len().min(spool.count(Section::SITES) as usize).max(1);
    let mut account =
        Account { heap: Heap { basis, ..Heap::default() }, sites: vec![SitePages::default(); sites] };
    // A word that was read while it was written is nobody's.
    let site_of = |site: u32| if (site as usize) < sites { site as usize } else { 0 };
    for_each_live_block(spool, |block| {
        let (address, end) = (block.address, block.address.saturating_add(block.size));
        let (mut live, mut swapped) = (0, 0);
        for_each_page(&mut pages, address, end, |page, bytes| {
            if page.is_swapped {
                swapped += bytes;
            } else {
                page.live += bytes.min(page.free().into()) as u16;
                live += bytes;
            }
            page.blocks = page.blocks.saturating_add(1);
        });
        let untouched = if has(mappings, address) { block.size.saturating_sub(live + swapped) } else { 0 };
        let (first, last) = rounding.map_or((address, end), |rounding| rounding(address, block.size));
        let mut slack = 0;
        for (from, to) in [(first, address), (end, last)] {
            for_each_page(&mut pages, from, to, |page, bytes| {
                let added = bytes.min(page.free().into());
                page.slack += added as u16;
                slack += added;
            });
        }
        let heap = &mut account.heap;
        heap.untouched_bytes = heap.untouched_bytes.saturating_add(untouched);
        heap.swapped_bytes += swapped;
        let site = &mut account.sites[site_of(block.site)];
        site.untouched_bytes = site.untouched_bytes.saturating_add(untouched);
        site.slack_bytes += slack;
    });
    let mut is_heap: Vec<bool> = match rounding {
        Some(_) => (0..mappings.len()).map(|index| is_arena(mappings, index)).collect(),
        None => vec![false; mappings.len()],
    };
    pages.iter().filter(|page| page.blocks > 0).for_each(|page| is_heap[page.mapping] = true);
    for page in pages.iter().filter(|page| is_heap[page.mapping] && !page.is_swapped) {
        let heap = &mut account.heap;
        heap.resident_bytes += PAGE;
        heap.live_bytes += u64::from(page.live);
        heap.slack_bytes += u64::from(page.slack);
        match page.blocks {
            0 if page.slack == 0 => heap.retained_bytes += PAGE,
            _ => heap.fragmented_bytes += u64::from(page.free()),
        }
    }
    for_each_live_block(spool, |block| {
        let last = block.address.saturating_add(block.size.max(1) - 1);
        let ends = [block.address, last];
        let ends = if ends[0] / PAGE == ends[1] / PAGE { &ends[..1] } else { &ends[..] };
        for at in ends {
            for_each_page(&mut pages, *at, at.saturating_add(1), |page, _| {
                let share = page.free().checked_div(page.blocks).unwrap_or(0);
                page.blocks = page.blocks.saturating_sub(1);
                page.slack += share;
                account.sites[site_of(block.site)].fragmented_bytes += u64::from(share);
            });
        }
    });
    let given_up = mappings.iter().zip(is_heap).filter(|(_, is_heap)| *is_heap);
    account.heap.give_up(given_up.map(|(mapping, _)| mapping.given_up).sum());
    Some(account)
}

/// Whether a mapping is the part in use of a heap of one of glibc's thread arenas, which may have no live block at all: it
/// starts at a multiple of 64 MiB, and what is left up to the next one is reserved.
fn is_arena(mappings: &[Mapping], index: usize) -> bool {
    const HEAP: usize = 64 << 20;
    let mapping = &mappings[index];
    mapping.may_hold_blocks()
        && mapping.start % HEAP == 0
        && mappings.get(index + 1).is_some_and(|next| {
            next.is_reserved() && next.start == mapping.end && next.end == mapping.start.saturating_add(HEAP)
        })
}

/// Reads which pages of a mapping are there. A page that was read and never written to is the one page of zeros, which is no
/// process's own: where the system does not leave it out, the mapping's figure tells how many of the shared ones are not.
fn read(map: &PageMap, index: usize, mapping: &Mapping, pages: &mut Vec<Page>) -> Option<()> {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const EXCLUSIVE: u64 = 1 << 56;
    let expected = (mapping.resident + mapping.swapped) / PAGE;
    if expected == 0 {
        return Some(());
    }
    let from = pages.len();
    let mut shared = Vec::new();
    let addresses = mapping.start as u64..mapping.end as u64;
    let touched = map.touched(&addresses);
    let without_zeros = touched.is_some();
    for range in touched.unwrap_or_else(|| vec![addresses]) {
        let mut more = true;
        map.entries(&range, |first, entries| {
            // The process may go on: one part more than what there was is looked at.
            more = without_zeros || (pages.len() - from) as u64 - (shared.len() as u64) < expected;
            for (number, entry) in
                (first..).zip(entries).filter(|(_, entry)| entry & (PRESENT | SWAPPED) != 0)
            {
                let is_swapped = entry & PRESENT == 0;
                if !is_swapped && entry & EXCLUSIVE == 0 && !without_zeros {
                    shared.push(number);
                }
                pages.push(Page { number, live: 0, slack: 0, blocks: 0, is_swapped, mapping: index });
            }
            more
        })?;
    }
    let zeros = ((pages.len() - from) as u64).saturating_sub(expected);
    shared.truncate(zeros as usize);
    if !shared.is_empty() {
        pages.retain(|page| page.mapping != index || shared.binary_search(&page.number).is_err());
    }
    Some(())
}

/// Calls `f` with each page that is there from one address to another, and how many of these bytes it has.
fn for_each_page(pages: &mut [Page], start: u64, end: u64, mut f: impl FnMut(&mut Page, u64)) {
    if start >= end {
        return;
    }
    let first = pages.partition_point(|page| page.number < start / PAGE);
    for page in pages[first..].iter_mut().take_while(|page| page.number * PAGE < end) {
        let (from, to) = (page.number * PAGE, page.number * PAGE + PAGE);
        f(page, end.min(to) - start.max(from));
    }
}

/// Whether an address is in one of the mappings that may hold blocks.
fn has(mappings: &[Mapping], address: u64) -> bool {
    let behind = mappings.partition_point(|mapping| mapping.start as u64 <= address);
    mappings[..behind].last().is_some_and(|mapping| address < mapping.end as u64 && mapping.may_hold_blocks())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_env = "gnu")]
    use alloc_probe_format::mappings;

    #[test]
    fn glibc_takes_so_much() {
        for (size, chunk) in [(1, 32), (24, 32), (25, 48), (40, 48), (1000, 1008)] {
            assert_eq!(of_glibc(0x1010, size), (0x1008, 0x1008 + chunk), "{size}");
        }
        assert_eq!(of_glibc(0x10_0010, 200_000), (0x10_0000, 0x10_0000 + 49 * PAGE));
    }

    /// A thread that has allocated has an arena, whether or not a block is left in it.
    #[test]
    #[cfg(target_env = "gnu")]
    fn arenas_of_glibc_are_known() {
        let allocates = || {
            drop(std::hint::black_box(vec![1u8; 1000]));
            let known = mappings::Known { executable: "another".to_owned(), ..Default::default() };
            let mappings = mappings::all("self", &known).unwrap();
            (0..mappings.len()).filter(|index| is_arena(&mappings, *index)).count()
        };
        assert!(std::thread::spawn(allocates).join().unwrap() > 0);
    }

    #[test]
    fn pages_have_their_bytes() {
        let page = |number| Page { number, live: 0, slack: 0, blocks: 0, is_swapped: false, mapping: 0 };
        let mut pages = vec![page(1), page(2), page(4)];
        let mut found = Vec::new();
        for_each_page(&mut pages, PAGE + 100, 4 * PAGE + 10, |page, bytes| found.push((page.number, bytes)));
        assert_eq!(found, [(1, PAGE - 100), (2, PAGE), (4, 10)]);
        for_each_page(&mut pages, 3 * PAGE, 3 * PAGE, |_, _| panic!("it is empty"));
    }
}
