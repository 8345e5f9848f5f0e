//! Where glibc's `malloc` has its chunks: in the heap that `brk` gave, in the heaps of its other arenas, and in mappings
//! of one chunk each. What it says of itself (`mallinfo2`) takes locks, so everything is found by looking.

use super::chunks::{Chunks, FLAGS, GRANULE, MAPPED, Span};
use super::others::Others;
use super::pages::{Pages, Place};
use super::self_memory::{self, Window};
use crate::os::{self, PAGE, arena};
use crate::profile::totals::Sum;
use crate::spool::LiveSpool;
use alloc_probe_format::dump::{AllocatorFacts, Histogram};
use alloc_probe_format::mappings::{Kind, Mapping};
use alloc_probe_format::spool::block::Block;
use alloc_probe_format::spool::{Spool as _, header};
#[cfg(target_env = "gnu")]
use std::ffi::CStr;
use std::ops::Range;

/// What `malloc` has.
pub(super) struct Malloc {
    pub(super) chunks: Chunks,
    /// Mappings of one chunk each, by address.
    pub(super) mapped: Vec<MappedChunk>,
    /// The heaps, by address.
    pub(super) heaps: Vec<Span>,
    /// The arenas beside the main one, each by its address.
    pub(super) arenas: Vec<u64>,
    /// Heaps whose chunks could not be followed.
    pub(super) not_followed: Vec<Range<u64>>,
    mixes_links: bool,
    in_use_bytes: u64,
    free_bytes: u64,
    /// Free chunks between others, by the logarithm of their size.
    holes: [u64; 64],
}

/// A chunk with a mapping of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MappedChunk {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The block that it holds.
    pub(super) block: u64,
    pub(super) taken: bool,
    /// Whether it was given back, or has become another, since it was found.
    pub(super) gone: bool,
}

/// Heaps of other arenas lie at multiples of this, which is also the most they can have.
const HEAP_BYTES: u64 = 64 << 20;

/// How often blocks that are on their way are waited for, each time for a millisecond.
const WAITS: u32 = 5;

/// The same as long as a thread that may be about to record one has had no processor.
const WAITS_FOR_THREADS: u32 = 200;

/// At how many places that were never touched is looked for heaps that have come since, in memory without a gap. Of reserved
/// terabytes, most are such.
const UNTOUCHED: u32 = 64;

/// How often a heap is tried to be walked.
const TRIES: usize = 4;

/// The version, as in `2.36`.
pub(super) fn version() -> String {
    #[cfg(target_env = "gnu")]
    // SAFETY: it returns a C string that lives as long as the program.
    return unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy().into_owned();
    #[cfg(not(target_env = "gnu"))]
    String::new()
}

/// Whether links of caches have the bits of their own address mixed in, by which they can be told.
pub(super) fn mixes_links(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(2), Some(32))
}

/// What glibc's `malloc` has, in the mappings in which it may be, which come by address. Claims it. None where memory can't be
/// read.
///
/// `find` looks up what is recorded of the block at an address; `all_recorded` is whether each has such a record.
pub(super) fn find(
    mappings: &[Mapping],
    pages: &mut Pages,
    find: &dyn Fn(u64) -> Option<Block>,
    all_recorded: bool,
) -> Option<Malloc> {
    let here = [0u64];
    if self_memory::copy(here.as_ptr() as u64, &mut [0]) == 0 {
        return None;
    }
    // Others may allocate some meanwhile; what the arena has no room for, it grows by.
    let blocks = if all_recorded { Sum::of_process().live.1.max(0) as u64 * 9 / 8 + 1024 } else { 0 };
    let chunks = Chunks::for_blocks(blocks.min(arena::room() / 32) as usize);
    let mut finder = Finder { malloc: Malloc::new(chunks), window: Window::new(), pages, find };
    for neighbours in mappings.chunk_by(|a, b| a.end == b.start && a.kind == b.kind) {
        let (start, end) = (neighbours[0].start as u64, neighbours[neighbours.len() - 1].end as u64);
        match neighbours[0].kind {
            Kind::Heap => finder.main_heap(start, end),
            _ => finder.anonymous(start, end),
        }
    }
    // With one thread, no block is on its way to another place.
    if all_recorded && LiveSpool.header(header::THREADS_ALIVE) > 1 {
        finder.wait_for_blocks();
        let Finder { malloc, window, pages, find } = &mut finder;
        malloc.chunks.forget_merged(window, pages, *find);
    }
    let mut malloc = finder.malloc;
    malloc.count();
    Some(malloc)
}

impl Malloc {
    fn new(chunks: Chunks) -> Malloc {
        Malloc {
            chunks,
            mapped: Vec::new(),
            heaps: Vec::new(),
            arenas: Vec::new(),
            not_followed: Vec::new(),
            mixes_links: mixes_links(&version()),
            in_use_bytes: 0,
            free_bytes: 0,
            holes: [0; 64],
        }
    }

    /// Adds up what is in use and what is free.
    fn count(&mut self) {
        let Malloc { chunks, in_use_bytes, free_bytes, holes, .. } = self;
        chunks.for_each(|chunk| match chunk.in_use || chunk.is_held {
            true => *in_use_bytes += chunk.size,
            false => {
                *free_bytes += chunk.size;
                holes[chunk.size.ilog2() as usize] += u64::from(!chunk.is_last);
            }
        });
    }

    /// Makes the chunks free that hold no recorded block and that are in caches of freed ones. Those of a glibc before 2.32
    /// can't be told from others.
    pub(super) fn free_cached(&mut self) {
        if !self.mixes_links {
            return;
        }
        let Malloc { chunks, in_use_bytes, free_bytes, holes, .. } = self;
        chunks.free_cached(|bytes| {
            *in_use_bytes = in_use_bytes.saturating_sub(bytes);
            *free_bytes += bytes;
            holes[bytes.max(1).ilog2() as usize] += 1;
        });
    }

    /// The sizes of the holes between blocks.
    pub(super) fn holes(&self) -> Histogram {
        (0u8..).zip(self.holes).filter(|&(_, count)| count > 0).collect()
    }

    /// What glibc would say of itself, but that it takes for in use what threads have in their caches.
    pub(super) fn facts(&self) -> AllocatorFacts {
        let mapped_bytes = self.mapped.iter().map(|chunk| chunk.end - chunk.start).sum();
        let heap_bytes: u64 = self.heaps.iter().map(|span| span.end - span.start).sum();
        AllocatorFacts {
            name: format!("glibc {}", version()),
            // The main one, and the others.
            arenas: 1 + self.arenas.len() as u64,
            system_bytes: heap_bytes + mapped_bytes,
            in_use_bytes: self.in_use_bytes + mapped_bytes,
            free_bytes: self.free_bytes,
            mapped_bytes,
            trimmed_bytes: None,
        }
    }

    /// Of the chunks with mappings of their own that hold no recorded block: the blocks that are recorded by now. What is no
    /// longer there is marked.
    pub(super) fn late_mapped(&mut self, find: &dyn Fn(u64) -> Option<Block>) -> Vec<Block> {
        let mut late = Vec::new();
        for chunk in self.mapped.iter_mut().filter(|chunk| !chunk.taken) {
            let mut header = [0; 2];
            let same = self_memory::copy(chunk.start, &mut header) == size_of_val(&header)
                && header[1] & !FLAGS == chunk.end - chunk.start;
            match find(chunk.block) {
                Some(block) => late.push(block),
                None => chunk.gone = !same,
            }
        }
        late
    }

    /// From where to where the chunk with a mapping of its own reaches that holds a block at this address.
    pub(super) fn mapped_of(&self, block: u64) -> Option<(u64, u64)> {
        let behind = self.mapped.partition_point(|chunk| chunk.start < block);
        let chunk = self.mapped[..behind].last().filter(|chunk| chunk.block == block)?;
        Some((chunk.start, chunk.end))
    }

    /// From where to where the chunk with a mapping of its own reaches that holds a block at this address, which is taken.
    /// None where none does.
    pub(super) fn take_mapped(&mut self, block: u64) -> Option<(u64, u64)> {
        let behind = self.mapped.partition_point(|chunk| chunk.start < block);
        let chunk = self.mapped[..behind].last_mut().filter(|chunk| chunk.block == block && !chunk.taken)?;
        chunk.taken = true;
        Some((chunk.start, chunk.end))
    }
}

struct Finder<'a> {
    malloc: Malloc,
    window: Window,
    pages: &'a mut Pages,
    find: &'a dyn Fn(u64) -> Option<Block>,
}

impl Finder<'_> {
    /// Waits for the blocks that are on their way.
    fn wait_for_blocks(&mut self) {
        if !self.awaits_blocks() {
            return;
        }
        let mut others = Others::now();
        for waited in 1..=WAITS_FOR_THREADS {
            os::sleep_ns(1_000_000);
            if !self.awaits_blocks() || (waited >= WAITS && !others.any_is_where_it_was()) {
                return;
            }
        }
    }

    /// Whether there are large chunks in use that hold no recorded block. Such a block may be on its way to another place,
    /// and has no record until it is there; or the chunk is C's.
    fn awaits_blocks(&mut self) -> bool {
        let Finder { malloc, window, pages, find } = self;
        let unrecorded = malloc.mapped.iter().any(|chunk| find(chunk.block).is_none());
        malloc.chunks.look_again_at_large(window, pages, *find) || unrecorded
    }

    /// Memory without a file: heaps of arenas, at their multiples, and between them chunks with mappings of their own.
    fn anonymous(&mut self, start: u64, end: u64) {
        let mut behind = start;
        let mut heap = start.next_multiple_of(HEAP_BYTES);
        let mut untouched = 0;
        while heap < end {
            if self.pages.place(heap) == Place::Untouched {
                untouched += 1;
                if untouched > UNTOUCHED {
                    // No heap without its first page.
                    let Some(next) = self.pages.next_resident(heap, end) else { break };
                    heap = next.next_multiple_of(HEAP_BYTES);
                    untouched = UNTOUCHED - 1;
                    continue;
                }
            }
            if let Some((_, arena)) = heap_info(&mut self.window, self.pages, heap) {
                if !self.malloc.arenas.contains(&arena) {
                    self.malloc.arenas.push(arena);
                }
                self.mapped_chunks(behind, heap);
                behind = end.min(heap + HEAP_BYTES);
                self.pages.claim(heap, behind);
                // It may have grown by the time that it is walked.
                self.heap(heap, true, behind, |window, pages| Some(heap + heap_info(window, pages, heap)?.0));
            }
            heap += HEAP_BYTES;
        }
        self.mapped_chunks(behind, end);
    }

    /// The heap of the main arena, which ends where `brk` has come to by now.
    fn main_heap(&mut self, start: u64, end: u64) {
        self.pages.claim(start, end);
        self.heap(start, false, end, |_, _| {
            // SAFETY: this asks only.
            let now = unsafe { libc::sbrk(0) } as u64;
            Some(if now > end { now } else { end })
        });
    }

    /// A heap, whose first chunk may be behind what glibc keeps of the heap, or behind what somebody else took of it
    /// before.
    fn heap(
        &mut self,
        start: u64,
        in_arena: bool,
        mapped: u64,
        end: impl Fn(&mut Window, &mut Pages) -> Option<u64>,
    ) {
        for _ in 0..TRIES {
            self.window.clear();
            let Some(now) = end(&mut self.window, self.pages) else { continue };
            let places = (start..now.min(start + PAGE as u64)).step_by(GRANULE as usize);
            for first in places {
                let mut span = Span { start, first, end: now, in_arena };
                if !self.may_be_first(&span) {
                    continue;
                }
                let Finder { malloc, window, pages, find } = self;
                if malloc.chunks.walk(&mut span, window, pages, &end, *find) {
                    malloc.heaps.push(span);
                    return;
                }
            }
        }
        self.malloc.not_followed.push(start..mapped);
    }

    /// Whether the first two chunks of a heap look like chunks.
    fn may_be_first(&mut self, span: &Span) -> bool {
        let mut header = |chunk: u64| self.window.word(chunk + 8, self.pages).unwrap_or(0);
        let first = header(span.first);
        let size = first & !FLAGS;
        first & FLAGS & !4 == 1
            && size >= 2 * GRANULE
            && size <= span.end - span.first
            && (span.first + size == span.end || header(span.first + size) & !FLAGS != 0)
    }

    /// Chunks with mappings of their own, which begin with a page.
    fn mapped_chunks(&mut self, start: u64, end: u64) {
        let mut at = start;
        while let Some(page) = self.pages.next_resident(at, end) {
            at = match self.mapped_chunk(page, end) {
                Some(chunk) => {
                    self.pages.claim(chunk.start, chunk.end.min(end));
                    self.malloc.mapped.push(chunk);
                    chunk.end
                }
                None => page + PAGE as u64,
            };
        }
    }

    fn mapped_chunk(&mut self, page: u64, end: u64) -> Option<MappedChunk> {
        let mut word = |index: u64| self.window.word(page + 8 * index, self.pages);
        let (unused, header) = (word(0)?, word(1)?);
        let bytes = header & !FLAGS;
        let is_chunk = unused == 0
            && header & FLAGS == MAPPED
            && bytes % PAGE as u64 == 0
            && bytes >= PAGE as u64
            // Where it has grown since the mappings were read, it is there up to its new end.
            && (bytes <= end - page || self_memory::copy(page + bytes - 8, &mut [0]) != 0);
        let chunk = || MappedChunk {
            start: page,
            end: page + bytes,
            block: page + GRANULE,
            taken: false,
            gone: false,
        };
        is_chunk.then(chunk)
    }
}

/// A look at pages, by address, for whether they have become `malloc`'s.
pub(super) struct Look {
    /// How many may still be read.
    left: u32,
    /// Up to where no chunk was found.
    behind: u64,
}

impl Look {
    pub(super) fn at(pages: u32) -> Look {
        Look { left: pages, behind: 0 }
    }

    /// Up to where a chunk with a mapping of its own reaches that has the page at this address by now. Where a page can't be
    /// read, that is what has changed.
    pub(super) fn mapped_chunk_over(&mut self, page: u64) -> Option<u64> {
        let neighbour = std::mem::replace(&mut self.behind, page + PAGE as u64) == page;
        let mut start = page;
        while self.left > 0 {
            self.left -= 1;
            let mut header = [0; 2];
            if self_memory::copy(start, &mut header) != size_of_val(&header) {
                return (start == page).then_some(page + PAGE as u64);
            }
            let bytes = header[1] & !FLAGS;
            let is_chunk = header[0] == 0
                && header[1] & FLAGS == MAPPED
                && bytes % PAGE as u64 == 0
                && (PAGE as u64..1 << 47).contains(&bytes);
            if is_chunk || neighbour {
                return Some(start.wrapping_add(bytes)).filter(|&end| is_chunk && end > page);
            }
            // It may begin before what was seen to be resident.
            start = start.checked_sub(PAGE as u64)?;
        }
        None
    }
}

/// The size in use and the arena of a heap, if there is one at this address. Where it begins stand its arena, the arena's
/// heap before it, and the size; the arena itself stands behind that in its first heap.
fn heap_info(window: &mut Window, pages: &mut Pages, heap: u64) -> Option<(u64, u64)> {
    let mut word = |index: u64| window.word(heap + 8 * index, pages);
    let (arena, before, bytes) = (word(0)?, word(1)?, word(2)?);
    let of_first = arena & !(HEAP_BYTES - 1);
    let plausible = (32..256).contains(&(arena - of_first))
        && (before == 0) == (of_first == heap)
        && before % HEAP_BYTES == 0
        && bytes % PAGE as u64 == 0
        && (PAGE as u64..=HEAP_BYTES).contains(&bytes);
    plausible.then_some((bytes, arena))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_mixed_since_2_32() {
        for (version, mixed) in [("2.31", false), ("2.32", true), ("2.9", false), ("3.0", true), ("", false)]
        {
            assert_eq!(mixes_links(version), mixed, "{version}");
        }
    }
}
