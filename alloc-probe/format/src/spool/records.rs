//! What the sections hold: records of so many words each, and what each word says.

/// Words of a node: the frame key, `parent << 32 | site`, and `first child << 32 | next sibling`.
pub const NODE_WORDS: usize = 3;

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

/// Cells in a line; the word after them is the number of the next line in [`Section::TALLIES`](super::Section::TALLIES), or 0.
pub const LINE_CELLS: usize = 7;

/// The keys of tallies. A cell of a chain is a word: the key in its low 8 bits, a count above.
pub mod tally {
    /// Where the count starts.
    pub const COUNT_SHIFT: u32 = 8;
    /// Sizes: `SIZE + floor(log2(size))`.
    pub const SIZE: u64 = 1;
    /// Lifetimes: `LIFETIME + bucket`.
    pub const LIFETIME: u64 = 65;
    /// One more than the last key of the histograms. Those of figures start here.
    pub const HISTOGRAMS_END: u64 = 130;

    macro_rules! keys {
        ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
            $(keys!(@$meaning $($source)+);)+
        };
        (@$meaning:literal tally $key:ident = $number:literal $(, counted)?) => {
            #[doc = $meaning]
            pub const $key: u64 = $number;
            const _: () = assert!($number >= HISTOGRAMS_END && $number < 256);
        };
        (@$meaning:literal $other:ident) => {};
    }

    crate::site_figures::site_figures!(keys);

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
    /// An address in the mapping that its stack is in; 0 where the system names it anyway, as it does the main thread's.
    pub const STACK_AT: usize = 15;
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

/// How many names of operations there is room for: those of further names are lost.
pub const OPERATIONS: usize = 256;

/// The words of an operation. All but the name are added to by every thread.
pub mod operation {
    /// Words of an operation: four cache lines.
    pub const WORDS: usize = 32;
    /// The hash of its name, which is not 0; 0 for a free place.
    pub const HASH: usize = 0;
    /// One more than the bytes of the name that are kept; 0 while it is being written.
    pub const LENGTH: usize = 1;
    /// One more than its number, which is that of its histogram in [`Section::LATENCIES`](super::super::Section::LATENCIES).
    pub const NUMBER: usize = 2;
    /// Ticks since the start when it first began.
    pub const FIRST: usize = 3;
    /// Ticks since the start when it last ended.
    pub const LAST: usize = 4;
    /// How often it began.
    pub const STARTED: usize = 5;
    /// How often it ended.
    pub const FINISHED: usize = 6;
    /// How often of these it failed.
    pub const FAILED: usize = 7;
    /// How often its future was dropped before it was ready.
    pub const CANCELLED: usize = 8;
    /// Bytes allocated in it, but for what threads in it have not flushed yet.
    pub const TOTAL_BYTES: usize = 9;
    /// The same in blocks.
    pub const TOTAL_BLOCKS: usize = 10;
    /// The most by which one of them made its thread's live bytes grow.
    pub const PEAK_BYTES: usize = 11;
    /// Ticks that those which ended took together.
    pub const TICKS: usize = 12;
    /// Ticks of the longest.
    pub const LONGEST: usize = 13;
    /// The name: the first [`NAME_BYTES`] of it.
    pub const NAME: usize = 16;
    /// The bytes of a name that are kept.
    pub const NAME_BYTES: usize = (WORDS - NAME) * 8;
}

/// A histogram of ticks. Buckets are as wide as 1/32 of the values in them, or as one tick, so that a value is known to
/// 1.6 % by the middle of its bucket. (Log-linear, as in HdrHistogram.)
pub mod latency {
    /// The octave within which each value has a bucket of its own: 2^5.
    const LINEAR: u32 = 5;
    /// The last octave: longer times are in the last bucket. At 3 GHz, that is from 50 minutes on.
    const LAST: u32 = 43;
    /// How many buckets there are.
    pub const BUCKETS: usize = ((LAST - LINEAR + 1) << LINEAR) as usize;
    /// Words of a histogram: a count for each bucket.
    pub const WORDS: usize = BUCKETS;

    /// The bucket of a value.
    pub const fn bucket(ticks: u64) -> usize {
        if ticks < 1 << LINEAR {
            return ticks as usize;
        }
        let octave = u64::BITS - 1 - ticks.leading_zeros();
        if octave >= LAST {
            return BUCKETS - 1;
        }
        let within = (ticks >> (octave - LINEAR)) as usize & ((1 << LINEAR) - 1);
        (((octave - LINEAR + 1) << LINEAR) as usize) + within
    }

    /// The middle of a bucket.
    pub const fn middle(bucket: usize) -> u64 {
        let (row, within) = ((bucket >> LINEAR) as u32, (bucket & ((1 << LINEAR) - 1)) as u64);
        if row == 0 {
            return within;
        }
        let width = 1 << (row - 1);
        ((1 << LINEAR) + within) * width + width / 2
    }
}

/// The words of a thread that may be in an operation.
pub mod operating {
    /// Words of a record: a cache line.
    pub const WORDS: usize = 8;
    /// The place of the operation, plus one; 0 for none.
    pub const OPERATION: usize = 0;
    /// What the thread had allocated when it last flushed to an operation: bytes.
    pub const BYTES: usize = 1;
    /// The same in blocks.
    pub const BLOCKS: usize = 2;
}

/// Sites count blocks in this many parts: a block sampled by chance stands for a fraction of blocks more.
pub const SAMPLE_BLOCK: u64 = 1024;

/// How many samples the timeline holds before it halves its resolution.
pub const TIMELINE_LIMIT: usize = 512;

/// How many failed allocations are kept.
pub const FAILURES: u64 = 8;

/// Words of one: bytes, site, ticks since the start.
pub const FAILURE_WORDS: usize = 3;

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
    /// The hash of the text of an image without a build id: the image's number as a word, and 16 bytes.
    pub const TEXT: u64 = 6;
    /// The process's control group as it was when recording started ([`Noted`](crate::cgroup::Noted)).
    pub const CGROUP: u64 = 7;
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_fall_into_powers_of_two() {
        let bucket = super::tally::time_bucket;
        assert_eq!([0, 1, 2, 3, 4, 1 << 41].map(bucket), [0, 1, 2, 2, 3, 42]);
    }

    #[test]
    fn the_middle_of_a_latency_bucket_is_within_1_6_percent_of_what_is_in_it() {
        use super::latency::{BUCKETS, bucket, middle};
        let mut last = 0;
        for ticks in (0..100_000)
            .chain((17..42).flat_map(|octave| (0..4096).map(move |i| (4096 + i) << (octave - 12))))
        {
            let at = bucket(ticks);
            assert!(at >= last || ticks < 100_000 || at + 1 >= last, "{ticks}");
            last = at;
            assert!(
                middle(at).abs_diff(ticks) as f64 <= 0.016 * ticks as f64,
                "{ticks} in {at}: {}",
                middle(at)
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(31), 31);
        assert_eq!(bucket(32), 32);
    }
}
