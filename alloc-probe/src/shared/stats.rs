//! The figures that a program reads of itself.

use super::mode::Mode;

/// The figures of the process, or of a thread. Bytes are those asked for, without the allocator's rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How much is recorded now.
    pub mode: Mode,
    /// Bytes ever allocated. A reallocation counts with its whole new size.
    pub total_bytes: u64,
    /// Blocks ever allocated. A reallocation counts as a block.
    pub total_blocks: u64,
    /// Bytes freed, or replaced by a reallocation.
    pub freed_bytes: u64,
    /// Blocks freed, or replaced by a reallocation.
    pub freed_blocks: u64,
    /// Bytes allocated and not freed. For a thread: what it allocated less what it freed, whoever allocated that; 0 if
    /// it freed more.
    pub live_bytes: u64,
    /// Blocks allocated and not freed.
    pub live_blocks: u64,
    /// The most bytes that were live at one instant.
    pub peak_bytes: u64,
    /// The blocks that were live at that instant.
    pub peak_blocks: u64,
    /// Blocks that came from a reallocation.
    pub realloc_calls: u64,
}

impl Stats {
    /// From pairs of bytes and blocks. What is live, and a peak, can be below zero for a moment, or in a thread.
    pub(crate) fn of(
        mode: Mode,
        total: (u64, u64),
        live: (i64, i64),
        peak: (i64, i64),
        realloc_calls: u64,
    ) -> Stats {
        let positive = |figure: i64| figure.max(0) as u64;
        Stats {
            mode,
            total_bytes: total.0,
            total_blocks: total.1,
            freed_bytes: total.0.wrapping_sub(live.0 as u64),
            freed_blocks: total.1.wrapping_sub(live.1 as u64),
            live_bytes: positive(live.0),
            live_blocks: positive(live.1),
            peak_bytes: positive(peak.0),
            peak_blocks: positive(peak.1),
            realloc_calls,
        }
    }
}
