//! The heap over time, and the points that the program passed.

use serde::{Deserialize, Serialize};

/// A point that the program passed, once or many times, as it told the probe by `alloc_probe::mark`. One that it passes
/// for each unit of its work makes the figures of two runs comparable that did different amounts of work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What the program calls it.
    pub name: String,
    /// How often it was passed.
    pub count: u64,
    /// When it was first passed, in nanoseconds from the start of recording.
    pub first_ns: u64,
    /// When it was last passed.
    pub last_ns: u64,
    /// The process's figures when it was first passed.
    pub first: TimelineSample,
}

/// The heap over time, in samples of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The least time between two samples. It doubles each time the timeline is full.
    pub interval_ns: u64,
    /// The samples, oldest first. Where nothing was allocated for a time, there are none.
    pub samples: Vec<TimelineSample>,
}

/// One sample of the [`Timeline`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineSample {
    /// Nanoseconds since recording started.
    pub time_ns: u64,
    /// Bytes live.
    pub live_bytes: u64,
    /// Blocks live.
    pub live_blocks: u64,
    /// Bytes allocated so far.
    pub total_bytes: u64,
    /// Blocks allocated so far; two samples' difference over their times' is the allocation rate.
    pub total_blocks: u64,
    /// The process's resident memory; 0 where the system would not tell.
    pub resident_bytes: u64,
}
