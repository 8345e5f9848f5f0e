//! The chunks of glibc's `malloc`, as their headers tell: where each begins, and whether it is in use.
//!
//! Before each chunk stands its size, with whether the one before it is in use; so a heap can be walked from its first
//! chunk to its last. Three bits for each 16 bytes, the least that chunks are apart, keep what the walk found: then
//! whose chunk is whose need neither be sorted nor searched for.
//!
//! Other threads go on meanwhile: they cut chunks in two and merge them, so that where one ended when its header was read,
//! there may be another's content by now. That is seen sooner or later, as content is no header. The walk then goes some
//! way back, to where chunks still are what they were, and comes again. As it takes some microseconds from one copy of
//! memory to the next, it gets through whatever the threads do, and each part of the heap is what it was at one moment.
//! Which recorded block a chunk holds is looked up right there, at that moment; and a chunk that is in use and holds none
//! is looked at again at the end.

use super::pages::Pages;
use super::self_memory::Window;
use alloc_probe_format::spool::block::Block;

/// What chunks are apart by, at least.
pub(super) const GRANULE: u64 = 16;

const PREVIOUS_IN_USE: u64 = 1;
pub(super) const MAPPED: u64 = 2;
const OTHER_ARENA: u64 = 4;
pub(super) const FLAGS: u64 = 7;

/// Where the chunks of a heap are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    /// The first chunk; before it is what glibc keeps of the heap.
    pub(super) first: u64,
    pub(super) end: u64,
    /// Whether it is of an arena other than the main one.
    pub(super) in_arena: bool,
}

/// A heap that was walked.
#[derive(Clone, Copy, Debug)]
struct Heap {
    start: u64,
    end: u64,
    /// Its first word of the bits.
    word: usize,
}

impl Heap {
    /// The word and the bit of an address.
    fn bit(&self, address: u64) -> (usize, u64) {
        let granule = (address - self.start) / GRANULE;
        (self.word + (granule / 64) as usize, 1 << (granule % 64))
    }
}

/// Heaps that were walked.
#[derive(Default)]
pub(super) struct Chunks {
    heaps: Vec<Heap>,
    starts: Vec<u64>,
    /// Chunks in use, but for those that hold a recorded block.
    in_use: Vec<u64>,
    /// Those that do.
    held: Vec<u64>,
    /// What these hold, in the order of their addresses.
    holders: Vec<Holder>,
    /// The same of chunks whose block was recorded when the walk had passed: by their address.
    late: Vec<(u64, Holder)>,
    links: Vec<Link>,
    /// The heap that was found last.
    last: usize,
}

/// The recorded block that a chunk holds: its site, and how many bytes of the chunk it does not have. There are as many as
/// live blocks, so nothing is between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(2))]
struct Holder {
    site: u32,
    slack: u16,
}

/// A block in its chunk: what it has of it, and where that begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldBlock {
    pub(super) site: u32,
    pub(super) address: u64,
    pub(super) size: u64,
    /// From where to where the chunk is this block's: from its header to the next chunk's.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Where the walk has been: to begin again from there.
#[derive(Clone, Copy)]
struct Checkpoint {
    chunk: u64,
    holders: usize,
    links: usize,
}

/// How often a walk may go back.
const RETURNS: u32 = 2000;

/// How often it may go back in a row without getting further than ever.
const RETURNS_IN_VAIN: u32 = 60;

/// A chunk whose first word may be what glibc has in one that it keeps, freed, in a cache: the address of the next such
/// chunk, or 0, with the bits of its own address mixed in.
#[derive(Clone, Copy)]
struct Link {
    chunk: u64,
    next: u64,
}

impl Link {
    fn of(chunk: u64, word: u64) -> Option<Link> {
        let next = word ^ ((chunk + GRANULE) >> 12);
        (next % GRANULE == 0 && next >> 48 == 0).then_some(Link { chunk, next })
    }
}

/// From this size on, it takes long to move a block: its record is not there meanwhile.
const LARGE: u64 = 16 << 10;

/// How far back a recorded block is looked for: so many words of the bits, and so many blocks.
const WORDS_BACK: usize = 4096;
const HELD_BACK: usize = 8;
/// And so many chunks on from it, another chunk.
const CHUNKS_ON: usize = 10_000;

/// How far apart places are to which a walk may go back.
const CHECKPOINT_BYTES: u64 = 16 << 10;

/// What a chunk of a size holds, if that is a block.
fn holder(block: Block, chunk_bytes: u64) -> Option<Holder> {
    let slack = (chunk_bytes - HEADER_BYTES).checked_sub(block.size)?;
    Some(Holder { site: block.site, slack: u16::try_from(slack).unwrap_or(u16::MAX) })
}

/// What of a chunk no block can have.
const HEADER_BYTES: u64 = 8;

fn held_block(chunk: u64, chunk_bytes: u64, holder: Holder) -> HeldBlock {
    let size = (chunk_bytes - HEADER_BYTES).saturating_sub(holder.slack.into());
    let (address, first) = (chunk + GRANULE, chunk + HEADER_BYTES);
    HeldBlock { site: holder.site, address, size, first, last: first + chunk_bytes }
}

impl Chunks {
    /// With room for so many recorded blocks: what is not used takes no memory, and what is used is never moved.
    pub(super) fn for_blocks(count: usize) -> Chunks {
        Chunks { holders: Vec::with_capacity(count), ..Chunks::default() }
    }

    /// Walks the chunks of a heap, whose end is asked for anew whenever the walk goes back. `find` looks recorded blocks up by
    /// their address. Heaps come by address. False where they can't be followed.
    pub(super) fn walk(
        &mut self,
        span: &mut Span,
        window: &mut Window,
        pages: &mut Pages,
        end: impl Fn(&mut Window, &mut Pages) -> Option<u64>,
        find: impl Fn(u64) -> Option<Block>,
    ) -> bool {
        let (word, holders, links) = (self.starts.len(), self.holders.len(), self.links.len());
        self.make_room(word, span);
        let walked = self.follow(word, span, window, pages, end, &find).is_some();
        if walked {
            let heap = Heap { start: span.start, end: span.end, word };
            self.make_room(word, span);
            self.links.retain(|link| !(heap.start..heap.end).contains(&link.chunk));
            self.look_again(heap, 0, window, pages, &find);
            self.heaps.push(heap);
        } else {
            for bits in [&mut self.starts, &mut self.in_use, &mut self.held] {
                bits.truncate(word);
            }
            self.holders.truncate(holders);
            self.links.truncate(links);
        }
        walked
    }

    /// Has as many bits from a word on as a heap needs.
    fn make_room(&mut self, word: usize, span: &Span) {
        let words = ((span.end - span.start) / GRANULE).div_ceil(64) as usize;
        for bits in [&mut self.starts, &mut self.in_use, &mut self.held] {
            bits.resize(word + words, 0);
        }
    }

    fn follow(
        &mut self,
        word: usize,
        span: &mut Span,
        window: &mut Window,
        pages: &mut Pages,
        end: impl Fn(&mut Window, &mut Pages) -> Option<u64>,
        find: impl Fn(u64) -> Option<Block>,
    ) -> Option<()> {
        let first = Checkpoint { chunk: span.first, holders: self.holders.len(), links: self.links.len() };
        let mut checkpoints = vec![first];
        let (mut returns, mut in_vain, mut furthest) = (0, 0, 0);
        let mut at = first;
        loop {
            match self.follow_from(at, word, span, window, pages, &find, &mut checkpoints) {
                Ok(()) => return Some(()),
                Err(failed) => {
                    (returns, in_vain) = (returns + 1, if failed > furthest { 0 } else { in_vain + 1 });
                    furthest = furthest.max(failed);
                    if returns > RETURNS || in_vain > RETURNS_IN_VAIN || span.start == span.end {
                        return None;
                    }
                    window.clear();
                    // What is behind has moved: twice as far back each time that it didn't help.
                    let back = 1usize << (in_vain / 4).min(20);
                    checkpoints.truncate(checkpoints.len().saturating_sub(back).max(1));
                    at = checkpoints[checkpoints.len() - 1];
                    self.holders.truncate(at.holders);
                    self.links.truncate(at.links);
                    span.end = end(window, pages)?;
                    if at.chunk >= span.end {
                        return None;
                    }
                    self.make_room(word, span);
                    self.clear_from(Heap { start: span.start, end: span.end, word }, at.chunk);
                }
            }
        }
    }

    /// Forgets the chunks of a heap from one on.
    fn clear_from(&mut self, heap: Heap, chunk: u64) {
        let (word, bit) = heap.bit(chunk);
        for bits in [&mut self.starts, &mut self.in_use, &mut self.held] {
            bits[word] &= bit - 1;
            bits[word + 1..].fill(0);
        }
    }

    /// Follows the chunks from one on to the end of the heap. Fails with the address of what is no chunk.
    #[allow(clippy::too_many_arguments, reason = "the state of one walk")]
    fn follow_from(
        &mut self,
        from: Checkpoint,
        word: usize,
        span: &Span,
        window: &mut Window,
        pages: &mut Pages,
        find: impl Fn(u64) -> Option<Block>,
        checkpoints: &mut Vec<Checkpoint>,
    ) -> Result<(), u64> {
        let heap = Heap { start: span.start, end: span.end, word };
        let mut before: Option<(u64, u64, Option<u64>)> = None;
        let mut chunk = from.chunk;
        let mut next_checkpoint = chunk + CHECKPOINT_BYTES;
        loop {
            let header = window.word(chunk + 8, pages).ok_or(chunk)?;
            let size = header & !FLAGS;
            match before {
                Some((before, bytes, content)) if header & PREVIOUS_IN_USE != 0 => {
                    let (word, bit) = heap.bit(before);
                    match find(before + GRANULE).and_then(|block| holder(block, bytes)) {
                        Some(holder) => {
                            self.held[word] |= bit;
                            self.holders.push(holder);
                        }
                        None => {
                            self.in_use[word] |= bit;
                            self.links.extend(content.and_then(|word| Link::of(before, word)));
                        }
                    }
                }
                None if chunk == span.first && header & PREVIOUS_IN_USE == 0 => return Err(chunk),
                _ => {}
            }
            if size == 0 {
                // Behind the last chunk of a heap that was left for another.
                return if chunk + GRANULE == span.end { Ok(()) } else { Err(chunk) };
            }
            let of_other_arena = header & OTHER_ARENA != 0 && !span.in_arena;
            if size % GRANULE != 0 || header & MAPPED != 0 || of_other_arena || size > span.end - chunk {
                return Err(chunk);
            }
            if chunk >= next_checkpoint {
                next_checkpoint = chunk + CHECKPOINT_BYTES;
                checkpoints.push(Checkpoint { chunk, holders: self.holders.len(), links: self.links.len() });
            }
            let (word, bit) = heap.bit(chunk);
            self.starts[word] |= bit;
            before = Some((chunk, size, window.word(chunk + GRANULE, pages)));
            chunk += size;
            if chunk == span.end {
                return Ok(()); // The last one is free: what the heap has left.
            }
        }
    }

    /// The same of the large ones of all heaps, as long as a large block may be on its way to another place. Tells whether
    /// any are left.
    pub(super) fn look_again_at_large(
        &mut self,
        window: &mut Window,
        pages: &mut Pages,
        find: impl Fn(u64) -> Option<Block>,
    ) -> bool {
        let heaps = std::mem::take(&mut self.heaps);
        let mut left = false;
        for &heap in &heaps {
            left |= self.look_again(heap, LARGE, window, pages, &find);
        }
        self.heaps = heaps;
        left
    }

    /// Looks at chunks that were in use and held no recorded block once more, if they are no smaller than `least`: between an
    /// allocation and its record there is a moment, and so there is between a block's end and its chunk's. Tells whether any
    /// are as they were.
    fn look_again(
        &mut self,
        heap: Heap,
        least: u64,
        window: &mut Window,
        pages: &mut Pages,
        find: impl Fn(u64) -> Option<Block>,
    ) -> bool {
        window.clear();
        let mut left = false;
        let words = ((heap.end - heap.start) / GRANULE).div_ceil(64) as usize;
        for index in 0..words {
            let mut rest = self.in_use[heap.word + index];
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                rest ^= bit;
                let chunk = heap.start + (index as u64 * 64 + u64::from(bit.trailing_zeros())) * GRANULE;
                let size = self.size(heap, chunk);
                if size < least {
                    continue;
                }
                if let Some(holder) = find(chunk + GRANULE).and_then(|block| holder(block, size)) {
                    self.in_use[heap.word + index] &= !bit;
                    self.late.push((chunk, holder));
                    continue;
                }
                let mut word = |address| window.word(address, pages);
                let (now, content) = (word(chunk + 8), word(chunk + GRANULE));
                let next = word(chunk + size + 8);
                let is_last = chunk + size >= heap.end;
                let same = now.is_some_and(|header| header & !FLAGS == size)
                    && (is_last || next.is_some_and(|header| header & PREVIOUS_IN_USE != 0));
                if same {
                    left = true;
                    self.links.extend(content.and_then(|word| Link::of(chunk, word)));
                } else {
                    self.in_use[heap.word + index] &= !bit;
                }
            }
        }
        left
    }

    /// Of the large chunks that are in use and hold no recorded block, forgets those that are chunks no longer: one that was
    /// freed and became part of another leaves its header, which may stand in the other's content unchanged.
    pub(super) fn forget_merged(
        &mut self,
        window: &mut Window,
        pages: &mut Pages,
        find: impl Fn(u64) -> Option<Block>,
    ) {
        let heaps = std::mem::take(&mut self.heaps);
        for &heap in &heaps {
            window.clear();
            // From one that is a chunk for certain, its size leads to the next.
            let mut certain = None;
            for word in 0..((heap.end - heap.start) / GRANULE).div_ceil(64) as usize {
                let mut rest = self.in_use[heap.word + word];
                while rest != 0 {
                    let bit = rest & rest.wrapping_neg();
                    rest ^= bit;
                    let chunk = heap.start + (word as u64 * 64 + u64::from(bit.trailing_zeros())) * GRANULE;
                    let size = self.size(heap, chunk);
                    if size < LARGE {
                        continue;
                    }
                    let from = self.recorded_before(heap, chunk, &find).max(certain);
                    match from.and_then(|from| next_from(from, chunk, heap.end, window, pages)) {
                        Some((at, now)) if at == chunk && now == size => certain = Some(chunk),
                        Some(_) => self.in_use[heap.word + word] &= !bit,
                        None => {}
                    }
                }
            }
        }
        self.heaps = heaps;
    }

    /// A chunk not far before another that holds a recorded block, still.
    fn recorded_before(&self, heap: Heap, chunk: u64, find: impl Fn(u64) -> Option<Block>) -> Option<u64> {
        let (last, bit) = heap.bit(chunk);
        let held = (heap.word..=last).rev().take(WORDS_BACK).flat_map(|word| {
            let mut held = self.held[word] & if word == last { bit - 1 } else { u64::MAX };
            std::iter::from_fn(move || {
                let top = 63_u32.checked_sub(held.leading_zeros())?;
                held &= !(1 << top);
                Some(heap.start + ((word - heap.word) as u64 * 64 + u64::from(top)) * GRANULE)
            })
        });
        held.take(HELD_BACK).find(|at| find(at + GRANULE).is_some())
    }

    /// Whether an address is in a heap that was walked.
    pub(super) fn has(&mut self, address: u64) -> bool {
        self.heap(address).is_some()
    }

    /// Calls `f` for each recorded block that a chunk holds.
    pub(super) fn for_each_held(&self, mut f: impl FnMut(HeldBlock)) {
        let mut holders = self.holders.iter();
        for &heap in &self.heaps {
            let words = ((heap.end - heap.start) / GRANULE).div_ceil(64) as usize;
            for index in 0..words {
                let mut held = self.held[heap.word + index];
                while held != 0 {
                    let bit = held & held.wrapping_neg();
                    held ^= bit;
                    let chunk = heap.start + (index as u64 * 64 + u64::from(bit.trailing_zeros())) * GRANULE;
                    if let Some(&holder) = holders.next() {
                        f(held_block(chunk, self.size(heap, chunk), holder));
                    }
                }
            }
        }
        for &(chunk, holder) in &self.late {
            if let Some(&heap) = self.heaps.iter().find(|heap| (heap.start..heap.end).contains(&chunk)) {
                f(held_block(chunk, self.size(heap, chunk), holder));
            }
        }
    }

    fn heap(&mut self, address: u64) -> Option<Heap> {
        if !self.heaps.get(self.last).is_some_and(|heap| (heap.start..heap.end).contains(&address)) {
            self.last = self.heaps.partition_point(|heap| heap.end <= address);
        }
        self.heaps.get(self.last).copied().filter(|heap| heap.start <= address)
    }

    /// The size of a chunk that is in use and holds no recorded block, which is in use no longer.
    fn free(&mut self, chunk: u64) -> Option<u64> {
        let heap = self.heap(chunk)?;
        let (word, bit) = heap.bit(chunk);
        if self.in_use[word] & bit == 0 {
            return None;
        }
        self.in_use[word] &= !bit;
        Some(self.size(heap, chunk))
    }

    fn starts_at(&mut self, chunk: u64) -> bool {
        let Some(heap) = self.heap(chunk) else { return false };
        let (word, bit) = heap.bit(chunk);
        self.starts[word] & bit != 0
    }

    fn size(&self, heap: Heap, chunk: u64) -> u64 {
        let next = (chunk - heap.start) / GRANULE + 1;
        let last = (heap.end - heap.start) / GRANULE;
        let mut word = (next / 64) as usize;
        let words = &self.starts[heap.word..heap.word + last.div_ceil(64) as usize];
        let mut bits = words.get(word).map_or(0, |bits| bits >> (next % 64) << (next % 64));
        while bits == 0 && word + 1 < words.len() {
            word += 1;
            bits = words[word];
        }
        let end = if bits == 0 { last } else { word as u64 * 64 + u64::from(bits.trailing_zeros()) };
        heap.start + end * GRANULE - chunk
    }

    /// Of the chunks that hold no recorded block, those that are in caches of freed ones are in use no longer. Calls `f` with
    /// the size of each.
    pub(super) fn free_cached(&mut self, mut f: impl FnMut(u64)) {
        for Link { chunk, next } in std::mem::take(&mut self.links) {
            // Small caches lead to the next chunk's block, older ones to the chunk.
            let leads_to_chunk = next == 0
                || self.starts_at(next)
                || next.checked_sub(GRANULE).is_some_and(|next| self.starts_at(next));
            if let Some(bytes) = if leads_to_chunk { self.free(chunk) } else { None } {
                f(bytes);
            }
        }
    }

    /// Calls `f` for each chunk.
    pub(super) fn for_each(&self, mut f: impl FnMut(Chunk)) {
        for &heap in &self.heaps {
            let words = ((heap.end - heap.start) / GRANULE).div_ceil(64) as usize;
            let mut last: Option<Chunk> = None;
            for word in 0..words {
                let (mut starts, in_use) = (self.starts[heap.word + word], self.in_use[heap.word + word]);
                let held = self.held[heap.word + word];
                while starts != 0 {
                    let bit = starts & starts.wrapping_neg();
                    starts ^= bit;
                    let address = heap.start + (word as u64 * 64 + u64::from(bit.trailing_zeros())) * GRANULE;
                    if let Some(last) = last {
                        f(Chunk { size: address - last.address, ..last });
                    }
                    let (in_use, is_held) = (in_use & bit != 0, held & bit != 0);
                    last = Some(Chunk { address, size: heap.end - address, in_use, is_held, is_last: false });
                }
            }
            if let Some(last) = last {
                f(Chunk { is_last: true, ..last });
            }
        }
    }
}

/// The first chunk at or behind an address, and its size by now, from an earlier chunk on; behind the last one, there is the
/// end of the heap. None where they can't be followed.
fn next_from(
    mut at: u64,
    address: u64,
    end: u64,
    window: &mut Window,
    pages: &mut Pages,
) -> Option<(u64, u64)> {
    for _ in 0..CHUNKS_ON {
        let size = window.word(at + 8, pages)? & !FLAGS;
        if at >= address {
            return Some((at, size));
        }
        if size < 2 * GRANULE || size % GRANULE != 0 || size > end - at {
            return None;
        }
        at += size;
        if at == end {
            return Some((at, 0));
        }
    }
    None
}

/// A chunk of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) address: u64,
    pub(super) size: u64,
    /// Whether it is in use, and holds no recorded block; and whether it does hold one.
    pub(super) in_use: bool,
    pub(super) is_held: bool,
    /// Whether it is what its heap has left, from which further chunks are cut.
    pub(super) is_last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{PAGE, reserve};

    /// Chunks of these sizes, one behind the other and all in use, of which those at some numbers hold blocks.
    fn heap(sizes: &[u64]) -> (Span, Vec<u64>) {
        let start = reserve(32 * PAGE).expect("address space").as_ptr() as u64;
        let mut chunks = Vec::new();
        let mut at = start;
        for size in sizes {
            chunks.push(at);
            write(at + 8, size | PREVIOUS_IN_USE);
            at += size;
        }
        (Span { start, first: start, end: at, in_arena: true }, chunks)
    }

    fn write(address: u64, word: u64) {
        // SAFETY: the tests write to memory that they reserved for themselves.
        unsafe { (address as *mut u64).write_volatile(word) };
    }

    #[test]
    fn the_header_of_a_chunk_that_became_part_of_another_is_none() {
        let sizes = [64, 96, 2 * LARGE, 64, 128];
        let top = 96 + 2 * LARGE + 64 + 128;
        for becomes in [None, Some(96 + 2 * LARGE), Some(96 + LARGE), Some(top)] {
            let (mut span, at) = heap(&sizes);
            let all = alloc_probe_format::mappings::all("self", &Default::default()).unwrap();
            let mapping =
                all.into_iter().find(|m| (m.start as u64..m.end as u64).contains(&span.start)).unwrap();
            let (mut pages, mut window) = (Pages::of(&[mapping]).expect("a page map"), Window::new());
            let held = |numbers: &'static [usize]| {
                let at = at.clone();
                move |address: u64| {
                    let number = at.iter().position(|chunk| chunk + GRANULE == address)?;
                    let block = Block { address, size: 8, site: 1, allocated_at: 0, sampled: false };
                    numbers.contains(&number).then_some(block)
                }
            };
            let mut chunks = Chunks::default();
            let end = span.end;
            assert!(chunks.walk(&mut span, &mut window, &mut pages, |_, _| Some(end), held(&[0, 1, 3])));
            assert!(chunks.look_again_at_large(&mut window, &mut pages, held(&[0, 1, 3])));
            // The second is freed, and what was that and the third is another's, or that and part of it.
            if let Some(bytes) = becomes {
                write(at[1] + 8, bytes | PREVIOUS_IN_USE);
                if bytes == 96 + LARGE {
                    write(at[1] + bytes + 8, LARGE | PREVIOUS_IN_USE);
                }
                assert!(
                    chunks.look_again_at_large(&mut window, &mut pages, held(&[0, 3])),
                    "it looks the same"
                );
            }
            chunks.forget_merged(&mut window, &mut pages, held(&[0, 3]));
            let mut large = Vec::new();
            chunks.for_each(|chunk| large.extend((chunk.size >= LARGE).then_some(chunk.in_use)));
            assert_eq!(large, [becomes.is_none()], "{becomes:?}");
        }
    }
}
