//! What was counted of a process, and of a site.

use serde::{Deserialize, Serialize};

/// Whether a figure is left out of the file.
pub(super) fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

/// The figures of a process, and of a site. Those that are zero are left out of the file: most sites have few others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Bytes ever allocated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_bytes: u64,
    /// Blocks ever allocated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_blocks: u64,
    /// Bytes live at the instant of the process's peak.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub peak_bytes: u64,
    /// Blocks live at the instant of the process's peak of bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub peak_blocks: u64,
    /// Bytes live when the dump was taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_bytes: u64,
    /// Blocks live when the dump was taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_blocks: u64,
    /// Bytes of those live blocks that were at least as old as the threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub long_lived_bytes: u64,
    /// Live blocks at least as old as the threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub long_lived_blocks: u64,
    /// Blocks freed before the thread that allocated them allocated again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub temporary_blocks: u64,
    /// Blocks that came from a `realloc`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub realloc_calls: u64,
    /// Of these, the ones that got another address.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub realloc_moves: u64,
    /// Bytes that had to be copied for it: the smaller of the old and the new size, for each move.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moved_bytes: u64,
    /// The lifetimes of all blocks that have ended (freed, or replaced by a `realloc`), added up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lifetime_sum_ns: u64,
}

impl Figures {
    /// Blocks that have ended: freed, or replaced by a `realloc`.
    pub const fn freed_blocks(&self) -> u64 {
        self.total_blocks.saturating_sub(self.end_blocks)
    }

    /// Adds another's figures to these, as for two sites that are shown as one.
    pub fn add(&mut self, other: &Figures) {
        self.total_bytes = self.total_bytes.saturating_add(other.total_bytes);
        self.total_blocks = self.total_blocks.saturating_add(other.total_blocks);
        self.peak_bytes = self.peak_bytes.saturating_add(other.peak_bytes);
        self.peak_blocks = self.peak_blocks.saturating_add(other.peak_blocks);
        self.end_bytes = self.end_bytes.saturating_add(other.end_bytes);
        self.end_blocks = self.end_blocks.saturating_add(other.end_blocks);
        self.long_lived_bytes = self.long_lived_bytes.saturating_add(other.long_lived_bytes);
        self.long_lived_blocks = self.long_lived_blocks.saturating_add(other.long_lived_blocks);
        self.temporary_blocks = self.temporary_blocks.saturating_add(other.temporary_blocks);
        self.realloc_calls = self.realloc_calls.saturating_add(other.realloc_calls);
        self.realloc_moves = self.realloc_moves.saturating_add(other.realloc_moves);
        self.moved_bytes = self.moved_bytes.saturating_add(other.moved_bytes);
        self.lifetime_sum_ns = self.lifetime_sum_ns.saturating_add(other.lifetime_sum_ns);
    }
}
