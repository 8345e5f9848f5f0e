//! Where things lie: sections, each in extents of the file.

use super::header;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The first word of a spool: `ALPROBE1` in ASCII, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ALPROBE1");

/// The version of the layout. Unlike the dump's, it changes freely: a spool is read by the release that wrote it.
pub const VERSION: u64 = 1;

/// Words in the header.
pub const HEADER_WORDS: usize = 8192;

/// Words of an extent: section, first byte within the section, first byte within the file, bytes.
pub const EXTENT_WORDS: usize = 4;

/// How many extents the header has room for.
pub const EXTENT_LIMIT: usize = (HEADER_WORDS - header::EXTENTS) / EXTENT_WORDS;

/// How many sites there can be: the tables of live blocks have 24 bits for the number of a site.
pub const SITE_LIMIT: u64 = 1 << 24;

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
    /// Nodes of the stack tree, [`NODE_WORDS`](super::NODE_WORDS) each. Node 0 is the root.
    pub const NODES: Section = Section(2);
    /// Sites: one word each, the node of the innermost frame. Site 0 stands for no stack.
    pub const SITES: Section = Section(3);
    /// For each page of counters, `thread slot << 32 | first site`.
    pub const PAGES: Section = Section(4);
    /// Pages of [`PAGE_RECORDS`](super::PAGE_RECORDS) counters of [`counter::WORDS`](super::counter::WORDS).
    pub const COUNTERS: Section = Section(5);
    /// Lines of 7 words and the number of the next line: what counters have no room for.
    pub const TALLIES: Section = Section(6);
    /// Thread slots of [`thread::WORDS`](super::thread::WORDS).
    pub const THREADS: Section = Section(7);
    /// Ended threads by name, of [`thread::WORDS`](super::thread::WORDS).
    pub const ENDED: Section = Section(8);
    /// Timeline samples of [`sample::WORDS`](super::sample::WORDS).
    pub const TIMELINE: Section = Section(9);
    /// Places for [`MARKS`](super::MARKS) marks of [`mark::WORDS`](super::mark::WORDS), found by their names' hashes.
    pub const MARKS: Section = Section(10);
    /// Places for [`OPERATIONS`](super::OPERATIONS) operations of [`operation::WORDS`](super::operation::WORDS), found
    /// by their names' hashes.
    pub const OPERATIONS: Section = Section(11);
    /// How long operations took: a histogram of [`latency::WORDS`](super::latency::WORDS) for each that has ended.
    pub const LATENCIES: Section = Section(12);
    /// What operation each thread is in, by its slot, of [`operating::WORDS`](super::operating::WORDS).
    pub const OPERATING: Section = Section(13);

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
