//! The spool: the memory that holds a profile while it grows.
//!
//! The probe only ever updates it in place, and everything that reads a profile reads this: the program
//! when it writes its dump, and a tool that finds the file of a process that was killed.
//!
//! A spool is a set of [`Section`]s, each an array of 64-bit little-endian words that grows at its end.
//! In a file, sections lie in extents, in the order they were needed; the table at [`header::EXTENTS`]
//! says where. The header is the first extent. Words that were never written are zero, and zero always
//! means nothing: a reader may look at any moment and sees at most the last few events half recorded.
//!
//! ```text
//! file:  | header 64 KiB | nodes | counters | nodes | ... |
//!           '- extents: (section, place in it, place in the file, length) ...
//! ```
//!
//! All words are read and written as relaxed atomics, so the live program and a copy in a file are read
//! by the same code.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The first word of a spool: `ALPROBE1` in ASCII, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ALPROBE1");

/// The version of the layout. Unlike the dump's, it changes freely: a spool is read by the release that wrote it.
pub const VERSION: u64 = 1;

/// Words in the header.
pub const HEADER_WORDS: usize = 8192;

/// The words of the header.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// [`super::VERSION`].
    pub const VERSION: usize = 1;
    /// The process id.
    pub const PID: usize = 2;
    /// When recording started: nanoseconds since 1970.
    pub const START_UNIX_NS: usize = 3;
    /// The same instant on the monotonic clock.
    pub const START_MONO_NS: usize = 4;
    /// The same instant in ticks of the recording clock.
    pub const START_TICKS: usize = 5;
    /// A later instant on the monotonic clock, renewed now and then: two instants tell the length of a tick.
    pub const LAST_MONO_NS: usize = 6;
    /// The same in ticks.
    pub const LAST_TICKS: usize = 7;
    /// The recording clock: 1 the processor's counter, 2 the monotonic clock.
    pub const CLOCK: usize = 8;
    /// The mode: 1 off, 2 count, 3 sample, 4 full.
    pub const MODE: usize = 9;
    /// Mean bytes between samples.
    pub const SAMPLE_BYTES: usize = 10;
    /// Age from which a block is long-lived, in nanoseconds.
    pub const LONG_LIVED_NS: usize = 11;
    /// Ticks of the latest peak.
    pub const PEAK_TICKS: usize = 12;
    /// 1 where any block was ever drawn by chance: then sites' figures are estimates, and don't add up exactly.
    pub const SAMPLED: usize = 13;
    /// 1 where there was ever more than one thread.
    pub const CONCURRENT: usize = 14;
    /// How the process is ending: 0 where it is not, or could not say; 1 normally; [`SIGNAL_ENDING`] and the signal's
    /// number where a signal ends it.
    pub const ENDING: usize = 15;

    /// Added to the number of a signal in [`ENDING`].
    pub const SIGNAL_ENDING: u64 = 256;

    /// 1 where some of the profile is in the process's memory only, and whoever reads its spool misses that.
    pub const IN_PART: usize = 135;

    /// Entries in use, by section: the section's number is added.
    pub const COUNTS: usize = 16;

    /// Blocks lost.
    pub const LOST_BLOCKS: usize = 128;
    /// Bytes lost.
    pub const LOST_BYTES: usize = 129;
    /// Blocks counted under no stack.
    pub const UNATTRIBUTED: usize = 130;
    /// Stacks cut.
    pub const TRUNCATED: usize = 131;
    /// Frees of blocks that were never recorded.
    pub const UNKNOWN_FREES: usize = 132;
    /// The least time between two samples of the timeline, in ticks.
    pub const TIMELINE_TICKS: usize = 133;
    /// Threads alive.
    pub const THREADS_ALIVE: usize = 134;
    /// Allocations that failed.
    pub const FAILED: usize = 136;
    /// Marks passed that there was no room for.
    pub const LOST_MARKS: usize = 137;
    /// The last [`super::FAILURES`] of them, one after the other and around again, of [`super::FAILURE_WORDS`] each.
    pub const FAILURES: usize = 160;

    /// The number of peaks so far: what a counter's figures at the peak are stamped with.
    pub const EPOCH: usize = 144;
    /// The highest sum of [`FLUSHED`].
    pub const PEAK: usize = 145;
    /// Live bytes as far as the threads have told. Apart from the others: threads write it at the same time.
    pub const FLUSHED: usize = 192;

    /// The process's memory at its peak: two readings in turn, of [`super::peak_memory::WORDS`] each, of which the
    /// later that is whole counts.
    pub const PEAK_MEMORY: usize = 200;
    /// How many readings there is room for.
    pub const PEAK_MEMORY_PLACES: usize = 2;

    /// Words in the table of extents that are used.
    pub const EXTENT_COUNT: usize = 1023;
    /// The table of extents, each [`super::EXTENT_WORDS`] long.
    pub const EXTENTS: usize = 1024;
}

/// How many failed allocations are kept.
pub const FAILURES: u64 = 8;

/// Words of one: bytes, site, ticks since the start.
pub const FAILURE_WORDS: usize = 3;

/// Words of an extent: section, first byte within the section, first byte within the file, bytes.
pub const EXTENT_WORDS: usize = 4;

/// How many extents the header has room for.
pub const EXTENT_LIMIT: usize = (HEADER_WORDS - header::EXTENTS) / EXTENT_WORDS;

/// Tables of live blocks of one width; each is twice as large as the one before.
pub const BLOCK_TABLES: usize = 24;

/// An array of the spool, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section(pub usize);

impl Section {
    /// The header.
    pub const HEADER: Section = Section(0);
    /// Facts: an append-only log of records, each a word `tag << 32 | bytes`, then the bytes, padded to words.
    pub const FACTS: Section = Section(1);
    /// Nodes of the stack tree, [`NODE_WORDS`] each. Node 0 is the root.
    pub const NODES: Section = Section(2);
    /// Sites: one word each, the node of the innermost frame. Site 0 stands for no stack.
    pub const SITES: Section = Section(3);
    /// For each page of counters, `thread slot << 32 | first site`.
    pub const PAGES: Section = Section(4);
    /// Pages of [`PAGE_RECORDS`] counters of [`counter::WORDS`].
    pub const COUNTERS: Section = Section(5);
    /// Lines of 7 words and the number of the next line: what counters have no room for.
    pub const TALLIES: Section = Section(6);
    /// Thread slots of [`thread::WORDS`].
    pub const THREADS: Section = Section(7);
    /// Ended threads by name, of [`thread::WORDS`].
    pub const ENDED: Section = Section(8);
    /// Timeline samples of [`sample::WORDS`].
    pub const TIMELINE: Section = Section(9);
    /// Places for [`MARKS`] marks of [`mark::WORDS`], found by their names' hashes.
    pub const MARKS: Section = Section(10);

    /// The `index`th table of live blocks of two words.
    pub const fn narrow_blocks(index: usize) -> Section {
        Section(16 + index)
    }

    /// The `index`th table of live blocks of four words.
    pub const fn wide_blocks(index: usize) -> Section {
        Section(16 + BLOCK_TABLES + index)
    }

    /// How many sections there can be.
    pub const LIMIT: usize = 16 + 2 * BLOCK_TABLES;
}

/// Words of a node: the frame key, `parent << 32 | site`, and `first child << 32 | next sibling`.
pub const NODE_WORDS: usize = 3;

/// A frame key: the address in the low 48 bits, above them in two bits what it means, and above these the number of the
/// image that it lay in, where that is gone.
pub mod frame_key {
    use crate::dump::FrameKind;

    /// Where the kind starts.
    pub const KIND_SHIFT: u32 = 48;

    /// Where the image starts.
    const IMAGE_SHIFT: u32 = 50;

    /// The largest number there is room for. Stands for any from there on: which of them it is, is then not known.
    const LAST_IMAGE: u64 = (1 << (64 - IMAGE_SHIFT)) - 2;

    /// The kind of a key.
    pub fn kind(key: u64) -> FrameKind {
        match key >> KIND_SHIFT & 3 {
            1 => FrameKind::Exact,
            2 => FrameKind::Cut,
            _ => FrameKind::Call,
        }
    }

    /// What marks a key as that of an image that is gone, by the number of its fact.
    pub fn of_gone(image: u64) -> u64 {
        (image.min(LAST_IMAGE) + 1) << IMAGE_SHIFT
    }

    /// The number of that image; none where it is the one that stands there now.
    pub fn image(key: u64) -> Option<u64> {
        (key >> IMAGE_SHIFT).checked_sub(1)
    }

    /// The address of a key.
    pub fn address(key: u64) -> u64 {
        key & ((1 << KIND_SHIFT) - 1)
    }
}

/// Counters in a page.
pub const PAGE_RECORDS: usize = 32;

/// The words of a counter: what one thread did at one site. What is live, total less freed, is signed: a thread may
/// free what another allocated.
pub mod counter {
    /// Words of a counter: a cache line.
    pub const WORDS: usize = 8;
    /// Bytes allocated.
    pub const TOTAL_BYTES: usize = 0;
    /// Blocks allocated, in parts of [`super::SAMPLE_BLOCK`].
    pub const TOTAL_BLOCKS: usize = 1;
    /// Bytes freed.
    pub const FREED_BYTES: usize = 2;
    /// Blocks freed, in the same parts.
    pub const FREED_BLOCKS: usize = 3;
    /// Lifetimes of ended blocks, in clock units.
    pub const LIFETIME_SUM: usize = 4;
    /// The number of the first line of the chain in the upper half, 0 for none; in the lower, the lower half of the
    /// number of the peak at which as much was live as the chain says, or nothing if there is none. Where that is not
    /// the header's `EPOCH`, what is live now was live at the peak.
    pub const CHAIN_AND_EPOCH: usize = 5;
    /// Eight keys of tallies, a byte each; 0 for none.
    pub const KEYS: usize = 6;
    /// The counts of these keys, a byte each. What has wrapped around is in the chain.
    pub const COUNTS: usize = 7;
}

/// The words of the first line of a counter's chain; of the others all are cells, but for the last.
pub mod line {
    /// Live bytes at the peak.
    pub const PEAK_BYTES: usize = 0;
    /// Live blocks at the peak, in parts.
    pub const PEAK_BLOCKS: usize = 1;
    /// The first cell.
    pub const FIRST_CELL: usize = 2;
}

/// Cells in a line; the word after them is the number of the next line in [`Section::TALLIES`], or 0.
pub const LINE_CELLS: usize = 7;

/// The keys of tallies. A cell of a chain is a word: the key in its low 8 bits, a count above.
pub mod tally {
    /// Where the count starts.
    pub const COUNT_SHIFT: u32 = 8;
    /// Sizes: `SIZE + floor(log2(size))`.
    pub const SIZE: u64 = 1;
    /// Lifetimes: `LIFETIME + bucket`.
    pub const LIFETIME: u64 = 65;
    /// Blocks that came from a realloc.
    pub const REALLOC: u64 = 130;
    /// Reallocs that moved.
    pub const MOVED: u64 = 131;
    /// Bytes copied by them.
    pub const MOVED_BYTES: u64 = 132;
    /// Temporary blocks.
    pub const TEMPORARY: u64 = 133;

    /// The bucket of a time in clock units: 0 for none, else one more than the logarithm.
    pub const fn time_bucket(units: u64) -> u64 {
        (u64::BITS - units.leading_zeros()) as u64
    }
}

/// The words of a thread slot.
pub mod thread {
    /// Words of a slot: four cache lines.
    pub const WORDS: usize = 32;
    /// Bytes allocated.
    pub const TOTAL_BYTES: usize = 0;
    /// Blocks allocated.
    pub const TOTAL_BLOCKS: usize = 1;
    /// Bytes freed, whoever allocated them.
    pub const FREED_BYTES: usize = 2;
    /// Blocks freed, whoever allocated them.
    pub const FREED_BLOCKS: usize = 3;
    /// Live bytes at the process's peak, where `EPOCH` is the header's.
    pub const PEAK_BYTES: usize = 4;
    /// The same in blocks.
    pub const PEAK_BLOCKS: usize = 5;
    /// The number of the peak that the two belong to.
    pub const EPOCH: usize = 6;
    /// Blocks that came from a realloc.
    pub const REALLOCS: usize = 7;
    /// The most live bytes of this thread alone; more, if more are live now.
    pub const OWN_PEAK_BYTES: usize = 8;
    /// Live blocks at that instant.
    pub const OWN_PEAK_BLOCKS: usize = 9;
    /// Live bytes that are in the header's sum.
    pub const FLUSHED: usize = 10;
    /// Bytes of its stack that were ever touched, in whole pages; 0 where that was not measured.
    pub const STACK_BYTES: usize = 11;
    /// The lowest address of its stack; 0 where it is not known, and for ended threads.
    pub const STACK_LOW: usize = 12;
    /// The bytes from there to where the stack begins.
    pub const STACK_LIMIT: usize = 13;
    /// How deep its stack was at the deepest that was taken: bytes in the upper half, the node in the lower.
    pub const DEEPEST: usize = 14;
    /// The thread id; 0 for a free slot.
    pub const TID: usize = 16;
    /// How many threads: 1, or for ended ones as many as had the name.
    pub const THREADS: usize = 17;
    /// The name: 16 bytes, zero-terminated.
    pub const NAME: usize = 18;
    /// Where a thread that ends adds its figures to those of its name: the number of that record, plus one. As long as
    /// [`THREADS`] is not 0, that record holds what [`EARLIER`] says, whatever stands in it.
    pub const RETIRING: usize = 20;
    /// The first [`KEPT`] words of that record as they were, and its [`THREADS`].
    pub const EARLIER: usize = 21;
    /// Words that are added to.
    pub const KEPT: usize = 10;
}

/// The words of a timeline sample.
pub mod sample {
    /// Words of a sample.
    pub const WORDS: usize = 8;
    /// Ticks since the start.
    pub const TICKS: usize = 0;
    /// Bytes live.
    pub const LIVE_BYTES: usize = 1;
    /// Blocks live.
    pub const LIVE_BLOCKS: usize = 2;
    /// Bytes allocated so far.
    pub const TOTAL_BYTES: usize = 3;
    /// Blocks allocated so far.
    pub const TOTAL_BLOCKS: usize = 4;
    /// Resident bytes.
    pub const RESIDENT: usize = 5;
}

/// The words of a reading of the process's memory at its peak.
pub mod peak_memory {
    /// Words of a reading.
    pub const WORDS: usize = 8;
    /// Ticks since the start.
    pub const TICKS: usize = 0;
    /// Live bytes.
    pub const LIVE: usize = 1;
    /// Resident bytes.
    pub const RESIDENT: usize = 2;
    /// Of these, pages of files and of shared memory.
    pub const SHARED: usize = 3;
    /// Bytes of the spool.
    pub const SPOOL: usize = 4;
    /// Threads alive.
    pub const THREADS: usize = 5;
    /// What [`check`] says of the words before: by that, a reading that is just being written is known.
    pub const CHECK: usize = 7;

    /// A sum of all words but the last, in which each place counts differently. It is not 0 where all are.
    pub fn check(words: &[u64; WORDS]) -> u64 {
        let add = |sum: u64, word: &u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        words[..CHECK].iter().fold(1, add)
    }
}

/// How many marks there is room for: those of further names are lost.
pub const MARKS: usize = 256;

/// The words of a mark.
pub mod mark {
    /// Words of a mark: two cache lines.
    pub const WORDS: usize = 16;
    /// The hash of its name, which is not 0; 0 for a free place.
    pub const HASH: usize = 0;
    /// How often it was passed.
    pub const COUNT: usize = 1;
    /// Ticks since the start when it was last passed.
    pub const LAST: usize = 2;
    /// One more than the bytes of the name that are kept; 0 while it is being written.
    pub const LENGTH: usize = 3;
    /// As a timeline sample's first six words: the process when it was first passed.
    pub const FIRST: usize = 4;
    /// The name: the first [`NAME_BYTES`] of it.
    pub const NAME: usize = 10;
    /// The bytes of a name that are kept.
    pub const NAME_BYTES: usize = (WORDS - NAME) * 8;
}

/// Sites count blocks in this many parts: a block sampled by chance stands for a fraction of blocks more.
pub const SAMPLE_BLOCK: u64 = 1024;

/// How many samples the timeline holds before it halves its resolution.
pub const TIMELINE_LIMIT: usize = 512;

/// Live blocks. A narrow entry is two words, a wide one four with the size in the third:
///
/// ```text
/// word 0:  address 48 | low 16 bits of the site
/// word 1:  high 8 bits of the site | sampled 1 | size 13 (0 in a wide entry) | birth 42, in clock units
/// ```
///
/// Word 0 is 0 where there never was an entry and 1 where there was one; word 1 is 0 while an entry is
/// being written.
pub mod block {
    /// Sizes from here on need a wide entry.
    pub const WIDE_SIZE: u64 = 1 << 13;
    /// Addresses from here on can't be kept.
    pub const ADDRESS_LIMIT: u64 = 1 << 48;
    /// Bits of a birth; lifetimes are taken modulo this.
    pub const BIRTH_BITS: u32 = 42;
    /// The mask of a birth.
    pub const BIRTH_MASK: u64 = (1 << BIRTH_BITS) - 1;
    /// What is left of an entry that was removed.
    pub const REMOVED: u64 = 1;
    /// Ticks of the clock in a unit, as a shift.
    pub const UNIT_SHIFT: u32 = 10;

    /// An entry taken apart.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Block {
        /// The address.
        pub address: u64,
        /// The size asked for; 0 in the first two words of a wide entry.
        pub size: u64,
        /// The site's number.
        pub site: u32,
        /// When it was allocated, in clock units, modulo 2^42.
        pub birth: u64,
        /// Whether it was drawn by chance, and so stands for more than itself.
        pub sampled: bool,
    }

    impl Block {
        /// No block.
        pub const NONE: Block = Block { address: 0, size: 0, site: 0, birth: 0, sampled: false };

        /// The first two words of an entry.
        pub const fn pack(self) -> (u64, u64) {
            let site = self.site as u64;
            let size = if self.size < WIDE_SIZE { self.size } else { 0 };
            let first = self.address << 16 | (site & 0xffff);
            let sampled = (self.sampled as u64) << 55;
            let second = (site >> 16) << 56 | sampled | size << BIRTH_BITS | (self.birth & BIRTH_MASK);
            (first, second)
        }

        /// The entry of two words.
        pub const fn unpack(first: u64, second: u64) -> Block {
            Block {
                address: first >> 16,
                size: second >> BIRTH_BITS & (WIDE_SIZE - 1),
                site: ((second >> 56) << 16 | first & 0xffff) as u32,
                birth: second & BIRTH_MASK,
                sampled: second >> 55 & 1 != 0,
            }
        }
    }
}

/// The tags of facts.
pub mod fact {
    /// The executable's path.
    pub const EXECUTABLE: u64 = 1;
    /// One argument of the command line.
    pub const ARGUMENT: u64 = 2;
    /// A build fact, `name=value`.
    pub const BUILD: u64 = 3;
    /// An image: its number, load address and size as words, the length of the build id as a word, the build id, the
    /// path. Numbers ascend, and a later image replaces earlier ones where they overlap.
    pub const IMAGE: u64 = 4;
    /// A sentence about something that is missing.
    pub const NOTE: u64 = 5;
}

/// A spool that can be read: the live one, or a copy.
pub trait Spool {
    /// The words of a section that exist so far.
    fn words(&self, section: Section) -> &[AtomicU64];

    /// A word of the header.
    fn header(&self, word: usize) -> u64 {
        self.words(Section::HEADER).get(word).map_or(0, |word| word.load(Relaxed))
    }

    /// How many entries of a section are in use.
    fn count(&self, section: Section) -> u64 {
        self.header(header::COUNTS + section.0)
    }
}

#[cfg(test)]
mod tests {
    use super::block::*;

    #[test]
    fn blocks_are_unpacked_as_packed() {
        for site in [0, 1, 0xffff, 0x1_0000, 0xff_ffff] {
            for size in [0, 1, WIDE_SIZE - 1] {
                let sampled = site == 1;
                let block = Block { address: ADDRESS_LIMIT - 16, size, site, birth: BIRTH_MASK - 5, sampled };
                let (first, second) = block.pack();
                assert_eq!(Block::unpack(first, second), block);
            }
        }
    }

    #[test]
    fn times_fall_into_powers_of_two() {
        let bucket = super::tally::time_bucket;
        assert_eq!([0, 1, 2, 3, 4, 1 << 41].map(bucket), [0, 1, 2, 2, 3, 42]);
    }
}
