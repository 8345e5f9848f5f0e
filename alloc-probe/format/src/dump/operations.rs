//! What the program does, by the names that it gives it.

use serde::{Deserialize, Serialize};

/// All that was done under one name, as the program said by `alloc_probe::operation`. Stacks of what was allocated in it
/// begin with a row of kind `operation`, whose address is this one's place in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What the program calls it.
    pub name: String,
    /// How often it began.
    pub started: u64,
    /// How often it ended, in any way but being cancelled.
    pub finished: u64,
    /// How often of these it failed: as the program said, or by a panic.
    pub failed: u64,
    /// How often its future was dropped before it was ready.
    pub cancelled: u64,
    /// When it first began, in nanoseconds from the start of recording.
    pub first_ns: u64,
    /// When it last ended; 0 if it never did.
    pub last_ns: u64,
    /// Bytes allocated in it, and in no operation within it. Those of its threads that are in it now count.
    pub total_bytes: u64,
    /// The same in blocks.
    pub total_blocks: u64,
    /// The most by which one of them made the live bytes of its thread grow, operations within it included.
    pub peak_bytes: u64,
    /// How long those that ended took together.
    pub duration_ns: u64,
    /// How long the longest took.
    pub longest_ns: u64,
    /// How long those that ended took each: pairs of nanoseconds and how many, ascending. A time is the middle of its
    /// bucket, within 1.6 %.
    pub latencies: Vec<(u64, u64)>,
}
