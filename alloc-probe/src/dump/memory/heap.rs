//! The account of the heap: what each byte of its resident pages is.

use super::allocators::Allocator;
use super::chunks::HeldBlock;
use super::malloc::Malloc;
use super::pages::{Page, Pages, Place};
use crate::os::PAGE;
use crate::profile::blocks;
use crate::spool::LiveSpool;
use alloc_probe_format::dump::{Heap, HeapBasis, SitePages};
use alloc_probe_format::mappings::Mapping;
use alloc_probe_format::sampling::sample_weight;
use alloc_probe_format::snapshot::{PagesOfSites, for_each_live_block};
use alloc_probe_format::spool::block::Block;
use alloc_probe_format::spool::{Section, Spool as _, header};
use std::cell::RefCell;
use std::ops::Range;

/// How the memory of allocators is told from the program's.
pub(super) struct Basis {
    pub(super) inner: Box<dyn Allocator>,
    /// What glibc's `malloc` has, whose blocks may be the program's, or C's alone.
    pub(super) malloc: Option<Box<Malloc>>,
    /// How much the wrapped allocator says that its own tables take.
    pub(super) metadata_bytes: u64,
    /// What it says is in use, and free on pages with something in use, where it tells both.
    pub(super) in_use_and_between: Option<(u64, u64)>,
}

/// The account of the heap.
pub(super) struct Account {
    pub(super) heap: Heap,
    /// By the number of the site; empty where that is for [`Later`] to tell.
    pub(super) sites: Vec<SitePages>,
    /// Of sites of which some blocks were drawn.
    pub(super) of_drawn: Vec<(u32, SitePages)>,
    is_by_site: bool,
    /// Bytes of live blocks that lie in memory which was not looked at.
    pub(super) elsewhere_bytes: u64,
    /// Live blocks that are chunks of `malloc`.
    chunks: u64,
}

/// Takes the account. Every resident byte of the heap is one of its figures.
///
/// `mappings` are those that may hold blocks, of `all` that there are.
pub(super) fn account(
    basis: &mut Basis,
    mappings: &[Mapping],
    all: &[Mapping],
    pages: &mut Pages,
    is_by_site: bool,
) -> Account {
    let mut account = Account::new(is_by_site);
    for_each_held(basis, |block| {
        account.chunks += 1;
        account.add(block, all, pages);
    });
    for_each_live_block(&LiveSpool, |block| account.add_beside(block, basis, all, pages));
    // Blocks that were on their way from one mapping to another while the table was read.
    for block in basis.malloc.as_mut().map_or_else(Vec::new, |malloc| malloc.late_mapped(&blocks::find)) {
        account.add_beside(block, basis, all, pages);
    }
    let of_malloc = basis.malloc.as_mut().map_or(0, |malloc| add_chunks(malloc, pages));
    pages.claim_with_blocks();
    basis.inner.claim(mappings, pages);
    let heap = &mut account.heap;
    pages.figures.iter().filter(|page| page.in_heap).for_each(|page| add_page(heap, page));
    heap.other_bytes = heap.other_bytes.saturating_sub(of_malloc);
    // No block lies where another allocator has its tables.
    let of_inner = heap.retained_bytes.min(basis.metadata_bytes);
    heap.retained_bytes -= of_inner;
    heap.metadata_bytes = of_malloc + of_inner;
    let otherwise = if account.chunks > 0 { HeapBasis::Chunks } else { HeapBasis::Pages };
    heap.basis = basis.inner.basis().unwrap_or(otherwise);
    if let (HeapBasis::Chunks, Some(malloc)) = (heap.basis, &basis.malloc) {
        heap.holes = malloc.holes();
    }
    if is_by_site {
        for_each_held(basis, |block| account.share(block.site, block.address, block.size, pages));
        for_each_live_block(&LiveSpool, |block| {
            if !basis.has_chunk_of(block.address) {
                account.share(block.site, block.address, block.size, pages);
            }
        });
    }
    account
}

/// Calls `f` with each recorded block that a chunk of `malloc` holds.
fn for_each_held(basis: &Basis, f: impl FnMut(HeldBlock)) {
    if let Some(malloc) = &basis.malloc {
        malloc.chunks.for_each_held(f);
    }
}

/// What tells the parts of the account by site when it has been taken: for a range of sites at a time, as there may be more
/// of them than there is memory for.
pub(crate) struct Later(RefCell<Parts>);

struct Parts {
    basis: Basis,
    pages: Pages,
    /// What of the account's figures was not told of.
    left: SitePages,
    told: SitePages,
    /// The first site behind the last range of which a block was seen.
    next: usize,
}

impl Later {
    /// Tells of an account that was taken on this basis.
    pub(super) fn of(account: &Account, basis: Basis, pages: Pages) -> Later {
        let left = SitePages {
            slack_bytes: account.heap.slack_bytes,
            untouched_bytes: account.heap.untouched_bytes,
            fragmented_bytes: u64::MAX,
        };
        Later(RefCell::new(Parts { basis, pages, left, told: SitePages::default(), next: 0 }))
    }
}

impl PagesOfSites for Later {
    fn add_range(&self, sites: Range<usize>, to: &mut [SitePages]) {
        let Parts { basis, pages, left, told, next } = &mut *self.0.borrow_mut();
        if sites.end <= *next {
            return;
        }
        *next = usize::MAX;
        let mut index = |site: u32| {
            let site = site as usize;
            if site >= sites.end {
                *next = site.min(*next);
            }
            sites.contains(&site).then(|| site - sites.start)
        };
        let mut add = |index: usize, block: HeldBlock, pages: &mut Pages| {
            let HeldBlock { address, size, first, last, .. } = block;
            let end = address.saturating_add(size);
            // Threads that went on may have changed what there is; never more is told of than the account has.
            let pages = SitePages {
                slack_bytes: pages.resident_bytes(first, address) + pages.resident_bytes(end, last),
                untouched_bytes: pages.untouched_bytes(address, end),
                fragmented_bytes: share(address, size, pages),
            };
            let pages = pages.at_most(left);
            *left = left.beyond(&pages);
            told.add(&pages);
            to[index].add(&pages);
        };
        for_each_held(basis, |block| {
            if let Some(index) = index(block.site) {
                add(index, block, pages);
            }
        });
        for_each_live_block(&LiveSpool, |Block { address, size, site, .. }| {
            let Some(index) = index(site) else { return };
            if !basis.has_chunk_of(address) {
                let mapped = basis.malloc.as_ref().and_then(|malloc| malloc.mapped_of(address));
                let (first, last) = mapped.unwrap_or_else(|| basis.place_without_chunk(address, size));
                add(index, HeldBlock { site, address, size, first, last }, pages);
            }
        });
    }

    fn sum(&self) -> SitePages {
        self.0.borrow().told
    }
}

/// The same where only some of the blocks were recorded, of which so many bytes are live in all. What is free, the allocator
/// tells: glibc by its chunks, jemalloc by its figures. What was never touched is estimated by the blocks that were drawn,
/// each of which stands for others like it: of those that are larger than the mean between two of them, nearly all are known.
/// What is in use beyond live blocks is one figure, `other_bytes`. None where nobody tells what is free.
pub(super) fn estimate(
    basis: &mut Basis,
    mappings: &[Mapping],
    pages: &mut Pages,
    live_bytes: u64,
) -> Option<Account> {
    let mut account = Account::new(false);
    let mean = LiveSpool.header(header::SAMPLE_BYTES);
    for_each_live_block(&LiveSpool, |block| {
        let (mut untouched, mut swapped) = (0, 0);
        pages.for_each(
            block.address,
            block.address.saturating_add(block.size),
            |_, place, bytes| match place {
                Place::Untouched => untouched += bytes,
                Place::Swapped => swapped += bytes,
                Place::Resident(_) | Place::Elsewhere => {}
            },
        );
        let stands_for = |bytes: u64| match block.sampled {
            true if bytes > 0 => {
                (u128::from(bytes) * u128::from(sample_weight(block.size, mean).0) / u128::from(block.size))
                    as u64
            }
            _ => bytes,
        };
        account.heap.untouched_bytes += stands_for(untouched);
        account.heap.swapped_bytes += stands_for(swapped);
        if untouched > 0 {
            let pages = SitePages { untouched_bytes: stands_for(untouched), ..SitePages::default() };
            account.of_drawn.push((block.site, pages));
        }
    });
    let of_malloc = basis.inner.is_malloc();
    let metadata_bytes = match basis.malloc.as_mut().filter(|_| of_malloc) {
        Some(malloc) => add_chunks(malloc, pages),
        None => basis.in_use_and_between.map(|_| basis.metadata_bytes)?,
    };
    basis.inner.claim(mappings, pages);
    let heap = &mut account.heap;
    pages.figures.iter().filter(|page| page.in_heap).for_each(|page| add_page(heap, page));
    if let (false, Some((in_use, between))) = (of_malloc, basis.in_use_and_between) {
        // Nobody says which pages: so all are free by now, and what each kind has is taken from them.
        let mut take = |bytes: u64| {
            let taken = bytes.min(heap.retained_bytes);
            heap.retained_bytes -= taken;
            taken
        };
        heap.metadata_bytes = take(metadata_bytes);
        heap.other_bytes = take(in_use.saturating_sub(heap.untouched_bytes + heap.swapped_bytes));
        heap.fragmented_bytes = take(between);
    } else {
        heap.metadata_bytes = metadata_bytes.min(heap.other_bytes);
        heap.other_bytes -= heap.metadata_bytes;
        heap.holes = basis.malloc.as_ref().map(|malloc| malloc.holes()).unwrap_or_default();
    }
    // By chance, the estimates may be more than there is.
    heap.untouched_bytes = heap.untouched_bytes.min(live_bytes);
    heap.swapped_bytes = heap.swapped_bytes.min(live_bytes - heap.untouched_bytes);
    heap.live_bytes = (live_bytes - heap.untouched_bytes - heap.swapped_bytes).min(heap.other_bytes);
    heap.other_bytes -= heap.live_bytes;
    heap.basis = HeapBasis::Samples;
    Some(account)
}

impl Basis {
    /// Whether a block lies in a heap whose chunks were followed, so that it was seen there or not at all.
    fn has_chunk_of(&mut self, address: u64) -> bool {
        self.malloc.as_mut().is_some_and(|malloc| malloc.chunks.has(address))
    }

    /// From where to where a block reaches with what the allocator added to it, as far as its size tells.
    fn place_without_chunk(&self, address: u64, size: u64) -> (u64, u64) {
        (address, address.saturating_add(self.inner.rounded(size)))
    }
}

impl Account {
    fn new(is_by_site: bool) -> Account {
        Account {
            heap: Heap::default(),
            sites: Vec::new(),
            of_drawn: Vec::new(),
            is_by_site,
            elsewhere_bytes: 0,
            chunks: 0,
        }
    }

    /// Adds to the figures of a site, also of one that came when the account had been begun.
    fn add_to_site(&mut self, site: u32, pages: &SitePages) {
        if !self.is_by_site || *pages == SitePages::default() {
            return;
        }
        let site = site as usize;
        if site >= self.sites.len() {
            let count = LiveSpool.count(Section::SITES) as usize;
            self.sites.resize(count.max(1), SitePages::default());
        }
        // A word that was read while another thread wrote it is nobody's.
        let site = if site < self.sites.len() { site } else { 0 };
        self.sites[site].add(pages);
    }

    /// Adds a live block that is not in a heap whose chunks were followed.
    fn add_beside(&mut self, block: Block, basis: &mut Basis, all: &[Mapping], pages: &mut Pages) {
        let Block { address, size, site, .. } = block;
        if basis.has_chunk_of(address) {
            return;
        }
        let (first, last) = match basis.malloc.as_mut().and_then(|malloc| malloc.take_mapped(address)) {
            Some(chunk) => {
                self.chunks += 1;
                chunk
            }
            None => basis.place_without_chunk(address, size),
        };
        self.add(HeldBlock { site, address, size, first, last }, all, pages);
    }

    /// Adds a live block, and what the allocator added to it.
    fn add(&mut self, block: HeldBlock, all: &[Mapping], pages: &mut Pages) {
        let HeldBlock { site, address, size, first, last } = block;
        let end = address.saturating_add(size);
        let (mut untouched, mut slack) = (0, 0);
        pages.for_each(address, end, |figures, place, bytes| match place {
            Place::Resident(index) => {
                let page = &mut figures[index];
                page.blocks = page.blocks.saturating_add(1);
                page.add_live(bytes);
            }
            Place::Untouched => untouched += bytes,
            Place::Swapped => self.heap.swapped_bytes += bytes,
            // What lies in no mapping that was in use came when those had been looked at, and is in no figure of this moment.
            Place::Elsewhere if is_mapped(all, address) && is_mapped(all, end.max(1) - 1) => {
                self.elsewhere_bytes += bytes
            }
            Place::Elsewhere => {}
        });
        for (start, end) in [(first, address), (end, last)] {
            pages.for_each(start, end, |figures, place, bytes| {
                if let Place::Resident(index) = place {
                    slack += figures[index].add_slack(bytes);
                }
            });
        }
        self.heap.untouched_bytes += untouched;
        let pages = SitePages { untouched_bytes: untouched, slack_bytes: slack, fragmented_bytes: 0 };
        self.add_to_site(site, &pages);
    }

    /// Gives a live block's site its share of what is free on the pages that it lies on.
    fn share(&mut self, site: u32, address: u64, size: u64, pages: &mut Pages) {
        let fragmented_bytes = share(address, size, pages);
        self.add_to_site(site, &SitePages { fragmented_bytes, ..SitePages::default() });
    }
}

/// A live block's share of what is free on the pages that it lies on. Between its first page and its last, there is none.
fn share(address: u64, size: u64, pages: &mut Pages) -> u64 {
    let last = address.saturating_add(size.max(1) - 1);
    let places = [pages.place(address), pages.place(last)];
    let places = if places[0] == places[1] { &places[..1] } else { &places[..] };
    let mut bytes = 0;
    for place in places {
        // A page that became the heap's meanwhile is in no other figure.
        let Place::Resident(index) = *place else { continue };
        let page = &mut pages.figures[index];
        if page.in_heap && !page.is_unknown {
            bytes += page.take_share();
        }
    }
    bytes
}

fn is_mapped(mappings: &[Mapping], address: u64) -> bool {
    let behind = mappings.partition_point(|mapping| mapping.start as u64 <= address);
    mappings[..behind].last().is_some_and(|mapping| address < mapping.end as u64 && !mapping.is_reserved())
}

fn add_page(heap: &mut Heap, page: &Page) {
    heap.resident_bytes += PAGE as u64;
    heap.live_bytes += u64::from(page.live);
    heap.slack_bytes += u64::from(page.slack);
    heap.other_bytes += u64::from(page.other);
    let free = page.free();
    if page.is_unknown {
        heap.unknown_bytes += u64::from(free);
    } else if usize::from(free) == PAGE {
        heap.retained_bytes += u64::from(free);
    } else {
        heap.fragmented_bytes += u64::from(free);
    }
}

/// Adds the chunks that are in use, and by no block that was recorded. Returns how many of these bytes are glibc's own.
fn add_chunks(malloc: &mut Malloc, pages: &mut Pages) -> u64 {
    malloc.free_cached();
    let add = |pages: &mut Pages, start: u64, end: u64| {
        let mut added = 0;
        pages.for_each(start, end, |figures, place, bytes| {
            if let Place::Resident(index) = place {
                added += figures[index].add_other(bytes);
            }
        });
        added
    };
    let metadata = malloc.heaps.iter().map(|span| add(pages, span.start, span.first + 8)).sum();
    malloc.chunks.for_each(|chunk| {
        if chunk.in_use {
            add(pages, chunk.address + 8, chunk.address + 8 + chunk.size);
        }
    });
    for chunk in malloc.mapped.iter().filter(|chunk| !chunk.taken) {
        match chunk.gone {
            true => pages.have_changed(chunk.start, chunk.end),
            false => drop(add(pages, chunk.start, chunk.end)),
        }
    }
    for heap in &malloc.not_followed {
        pages.for_each(heap.start, heap.end, |figures, place, _| {
            if let Place::Resident(index) = place {
                figures[index].is_unknown = true;
            }
        });
    }
    metadata
}
