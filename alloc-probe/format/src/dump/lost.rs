//! What failed, what is missing, and what the probe took.

use serde::{Deserialize, Serialize};

/// Allocations that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The last few of them, oldest first.
    pub last: Vec<Failure>,
}

impl Failures {
    pub(super) fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// An allocation that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The bytes asked for.
    pub bytes: u64,
    /// The row of [`Dump::stacks`](super::Dump::stacks) of the innermost frame; 0 where no stack was taken.
    pub stack: u32,
    /// Nanoseconds from the start of recording.
    pub time_ns: u64,
}

/// What could not be recorded. All zero in a faultless run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Blocks whose site could not be recorded (no space, or a signal handler that interrupted the probe).
    /// They are in no figure.
    pub blocks: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// Blocks counted under no stack, for want of space for their stack.
    pub unattributed_blocks: u64,
    /// Stacks of which frames were left out.
    pub truncated_stacks: u64,
    /// Blocks freed that were allocated before recording started.
    pub unknown_frees: u64,
    /// Sentences for people about anything else that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What the probe used for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeUse {
    /// Bytes of the spool, whose pages are shared with its file. Of a spool that was read after the process ended: the
    /// pages with anything in them.
    pub spool_bytes: u64,
    /// Bytes beside it.
    pub private_bytes: u64,
    /// Resident bytes of the two when the dump was taken.
    pub resident_bytes: u64,
}
