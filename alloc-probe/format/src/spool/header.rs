//! The words of the header.

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
/// 1 where a section had no room to grow, so that blocks, or their stacks, are missing.
pub const NO_ROOM: usize = 138;
/// Operations begun that there was no room for.
pub const LOST_OPERATIONS: usize = 139;
/// The last [`super::FAILURES`] of the failed allocations, one after the other and around again, of [`super::FAILURE_WORDS`] each.
pub const FAILURES: usize = 160;

/// The number of peaks so far: what a counter's figures at the peak are stamped with.
pub const EPOCH: usize = 144;
/// The highest sum of [`FLUSHED`].
pub const PEAK: usize = 145;
/// Live bytes as far as the threads have flushed them. Apart from the others: threads write it at the same time.
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
