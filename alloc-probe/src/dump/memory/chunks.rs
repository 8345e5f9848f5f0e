//! The chunks of glibc's `malloc`, as their headers tell: where each begins, and whether it is in use.
//!
//! Before each chunk stands its size, with whether the one before it is in use; so a heap can be walked from its first
//! chunk to its last. Two bits for each 16 bytes, the least that chunks are apart, keep what the walk found: then
//! whose chunk is whose need neither be sorted nor searched for. Other threads go on meanwhile, so a walk counts only
//! where it ends exactly at the heap's end, and may be tried again.

use super::pages::Pages;
use super::self_memory::Window;

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
    in_use: Vec<u64>,
    links: Vec<Link>,
    /// The heap that was found last.
    last: usize,
}

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

impl Chunks {
    /// Walks the chunks of a heap. Heaps come by address. False where they can't be followed.
    pub(super) fn walk(&mut self, span: &Span, window: &mut Window, pages: &mut Pages) -> bool {
        let (word, links) = (self.starts.len(), self.links.len());
        let words = ((span.end - span.start) / GRANULE).div_ceil(64) as usize;
        self.starts.resize(word + words, 0);
        self.in_use.resize(word + words, 0);
        let heap = Heap { start: span.start, end: span.end, word };
        let walked = self.follow(heap, span, window, pages).is_some();
        if walked {
            self.heaps.push(heap);
        } else {
            self.starts.truncate(word);
            self.in_use.truncate(word);
            self.links.truncate(links);
        }
        walked
    }

    fn follow(&mut self, heap: Heap, span: &Span, window: &mut Window, pages: &mut Pages) -> Option<()> {
        let mut before: Option<(u64, Option<u64>)> = None;
        let mut chunk = span.first;
        loop {
            let header = window.word(chunk + 8, pages)?;
            let size = header & !FLAGS;
            match before {
                Some((before, content)) if header & PREVIOUS_IN_USE != 0 => {
                    let (word, bit) = heap.bit(before);
                    self.in_use[word] |= bit;
                    self.links.extend(content.and_then(|word| Link::of(before, word)));
                }
                None if header & PREVIOUS_IN_USE == 0 => return None,
                _ => {}
            }
            if size == 0 {
                // Behind the last chunk of a heap that was left for another.
                return (chunk + GRANULE == span.end).then_some(());
            }
            let of_other_arena = header & OTHER_ARENA != 0 && !span.in_arena;
            if size % GRANULE != 0 || header & MAPPED != 0 || of_other_arena || size > span.end - chunk {
                return None;
            }
            let (word, bit) = heap.bit(chunk);
            self.starts[word] |= bit;
            before = Some((chunk, window.word(chunk + GRANULE, pages)));
            chunk += size;
            if chunk == span.end {
                return Some(()); // The last one is free: what the heap has left.
            }
        }
    }

    fn heap(&mut self, address: u64) -> Option<Heap> {
        if !self.heaps.get(self.last).is_some_and(|heap| (heap.start..heap.end).contains(&address)) {
            self.last = self.heaps.partition_point(|heap| heap.end <= address);
        }
        self.heaps.get(self.last).copied().filter(|heap| heap.start <= address)
    }

    /// The size of the chunk that holds a block at this address, which is no longer to be found as in use. None where
    /// none does.
    pub(super) fn take(&mut self, block: u64) -> Option<u64> {
        let chunk = block.wrapping_sub(GRANULE);
        let heap = self.heap(chunk).filter(|_| block % GRANULE == 0)?;
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

    /// Of the chunks that nobody has taken, those that are in caches of freed ones are in use no longer. Calls `f` with
    /// the size of each.
    pub(super) fn free_cached(&mut self, mut f: impl FnMut(u64)) {
        for Link { chunk, next } in std::mem::take(&mut self.links) {
            // Small caches lead to the next chunk's block, older ones to the chunk.
            let leads_to_chunk = next == 0
                || self.starts_at(next)
                || next.checked_sub(GRANULE).is_some_and(|next| self.starts_at(next));
            if let Some(bytes) = if leads_to_chunk { self.take(chunk + GRANULE) } else { None } {
                f(bytes);
            }
        }
    }

    /// Calls `f` with the address and size of each chunk, whether it is in use and was not taken, and whether it is the
    /// last of its heap.
    pub(super) fn for_each(&self, mut f: impl FnMut(Chunk)) {
        for &heap in &self.heaps {
            let words = ((heap.end - heap.start) / GRANULE).div_ceil(64) as usize;
            let mut last: Option<Chunk> = None;
            for word in 0..words {
                let (mut starts, in_use) = (self.starts[heap.word + word], self.in_use[heap.word + word]);
                while starts != 0 {
                    let bit = starts & starts.wrapping_neg();
                    starts ^= bit;
                    let address = heap.start + (word as u64 * 64 + u64::from(bit.trailing_zeros())) * GRANULE;
                    if let Some(last) = last {
                        f(Chunk { size: address - last.address, ..last });
                    }
                    let in_use = in_use & bit != 0;
                    last = Some(Chunk { address, size: heap.end - address, in_use, is_last: false });
                }
            }
            if let Some(last) = last {
                f(Chunk { is_last: true, ..last });
            }
        }
    }
}

/// A chunk of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) address: u64,
    pub(super) size: u64,
    /// Whether it is in use, by somebody who has not taken it.
    pub(super) in_use: bool,
    /// Whether it is what its heap has left, from which further chunks are cut.
    pub(super) is_last: bool,
}
