//! The threads.

use super::figures::is_zero;
use serde::{Deserialize, Serialize};

/// A thread, or all ended threads of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The name, as the operating system knows it (cut at 15 bytes on Linux).
    pub name: String,
    /// The id of a thread that was alive at the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// How many threads the row stands for.
    pub threads: u64,
    /// Bytes it allocated.
    pub total_bytes: u64,
    /// Blocks it allocated.
    pub total_blocks: u64,
    /// Bytes it freed, whoever allocated them.
    pub freed_bytes: u64,
    /// Blocks it freed, whoever allocated them.
    pub freed_blocks: u64,
    /// Blocks that came from a `realloc`.
    pub realloc_calls: u64,
    /// The most that it had allocated and not freed, at one instant; for several threads, the largest of theirs.
    pub peak_bytes: u64,
    /// Blocks at that instant.
    pub peak_blocks: u64,
    /// The most of its stack that was ever touched, in whole pages; for several threads, the largest of theirs. 0
    /// where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stack_bytes: u64,
    /// The address space that its stack has; for several threads, the largest of theirs. 0 where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stack_limit_bytes: u64,
    /// The deepest that its stack was at an allocation that was recorded with its stack, in bytes from the stack's
    /// beginning. 0 where none was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deepest_bytes: u64,
    /// The row of [`Dump::stacks`](super::Dump::stacks) of the innermost frame of that allocation; 0 where none was.
    #[serde(default, skip_serializing_if = "is_no_row")]
    pub deepest_stack: u32,
}

fn is_no_row(row: &u32) -> bool {
    *row == 0
}
