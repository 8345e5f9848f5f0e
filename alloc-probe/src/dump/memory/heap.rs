//! The account of the heap: what each byte of its resident pages is.

use super::glibc::Malloc;
use super::inner::Inner;
use super::mappings::Mapping;
use super::pages::{Page, Pages, Place};
use crate::os::PAGE;
use crate::spool::LiveSpool;
use alloc_probe_format::dump::{Heap, HeapBasis, SitePages};
use alloc_probe_format::snapshot::for_each_live_block;
use alloc_probe_format::spool::block::Block;

/// How the memory of allocators is told from the program's.
pub(super) struct Basis {
    pub(super) inner: Inner,
    /// What glibc's `malloc` has, whose blocks may be the program's, or C's alone.
    pub(super) malloc: Option<Box<Malloc>>,
    /// How much the wrapped allocator says that its own tables take.
    pub(super) metadata_bytes: u64,
}

/// The account of the heap.
pub(super) struct Account {
    pub(super) heap: Heap,
    /// By the number of the site.
    pub(super) sites: Vec<SitePages>,
    /// Bytes of live blocks that lie in memory which was not looked at.
    pub(super) elsewhere_bytes: u64,
    /// Live blocks that are chunks of `malloc`.
    chunks: u64,
}

/// Takes the account. Every resident byte of the heap is one of its figures.
pub(super) fn account(basis: &mut Basis, mappings: &[Mapping], pages: &mut Pages, sites: usize) -> Account {
    let mut account = Account {
        heap: Heap::default(),
        sites: vec![SitePages::default(); sites],
        elsewhere_bytes: 0,
        chunks: 0,
    };
    for_each_live_block(&LiveSpool, |block| account.add(block, basis, pages));
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
    heap.basis = match basis.inner {
        Inner::Jemalloc(_) | Inner::Mimalloc(_) => HeapBasis::Classes,
        _ if account.chunks > 0 => HeapBasis::Chunks,
        _ => HeapBasis::Pages,
    };
    if let (HeapBasis::Chunks, Some(malloc)) = (heap.basis, &basis.malloc) {
        heap.holes = malloc.holes();
    }
    for_each_live_block(&LiveSpool, |block| account.share(block, pages));
    account
}

impl Account {
    /// Adds a live block, and what the allocator added to it.
    fn add(&mut self, block: Block, basis: &mut Basis, pages: &mut Pages) {
        let Block { address, size, site, .. } = block;
        let end = address.saturating_add(size);
        let (first, last) = match basis.malloc.as_mut().and_then(|malloc| malloc.take(address)) {
            Some(chunk) => {
                self.chunks += 1;
                chunk
            }
            None => (address, address.saturating_add(basis.inner.rounded(size))),
        };
        let mut none = SitePages::default();
        let site = self.sites.get_mut(site as usize).unwrap_or(&mut none);
        pages.for_each(address, end, |figures, place, bytes| match place {
            Place::Resident(index) => {
                let page = &mut figures[index];
                page.blocks = page.blocks.saturating_add(1);
                page.add_live(bytes);
            }
            Place::Untouched => {
                site.untouched_bytes += bytes;
                self.heap.untouched_bytes += bytes;
            }
            Place::Swapped => self.heap.swapped_bytes += bytes,
            Place::Elsewhere => self.elsewhere_bytes += bytes,
        });
        for (start, end) in [(first, address), (end, last)] {
            pages.for_each(start, end, |figures, place, bytes| {
                if let Place::Resident(index) = place {
                    site.slack_bytes += figures[index].add_slack(bytes);
                }
            });
        }
    }

    /// Gives a live block's site its share of what is free on the pages that it lies on. Between its first page and its
    /// last, there is none.
    fn share(&mut self, block: Block, pages: &mut Pages) {
        let Some(site) = self.sites.get_mut(block.site as usize) else { return };
        let last = block.address.saturating_add(block.size.max(1) - 1);
        let places = [pages.place(block.address), pages.place(last)];
        let places = if places[0] == places[1] { &places[..1] } else { &places[..] };
        for place in places {
            if let Place::Resident(index) = *place {
                site.fragmented_bytes += pages.figures[index].take_share();
            }
        }
    }
}

fn add_page(heap: &mut Heap, page: &Page) {
    heap.resident_bytes += PAGE as u64;
    heap.live_bytes += u64::from(page.live);
    heap.slack_bytes += u64::from(page.slack);
    heap.other_bytes += u64::from(page.other);
    let free = page.free();
    if usize::from(free) == PAGE {
        heap.retained_bytes += u64::from(free);
    } else {
        heap.fragmented_bytes += u64::from(free);
    }
}

/// Adds the chunks that are in use, and by no block that was recorded. Returns how many of these bytes are glibc's own.
fn add_chunks(malloc: &mut Malloc, pages: &mut Pages) -> u64 {
    malloc.free_cached();
    let mut add = |start: u64, end: u64| {
        let mut added = 0;
        pages.for_each(start, end, |figures, place, bytes| {
            if let Place::Resident(index) = place {
                added += figures[index].add_other(bytes);
            }
        });
        added
    };
    let metadata = malloc.heaps.iter().map(|span| add(span.start, span.first + 8)).sum();
    malloc.chunks.for_each(|chunk| {
        if chunk.in_use {
            add(chunk.address + 8, chunk.address + 8 + chunk.size);
        }
    });
    for chunk in malloc.mapped.iter().filter(|chunk| !chunk.taken) {
        add(chunk.start, chunk.end);
    }
    metadata
}
