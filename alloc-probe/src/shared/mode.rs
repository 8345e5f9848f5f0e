//! How much is recorded.

/// How much the program records. Where the platform has no stacks, every mode but `Off` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    Off,
    /// Totals for the process and for each thread, without stacks.
    Count,
    /// As `Count`, and some blocks with their whole stacks: drawn at random, by bytes.
    Sample,
    /// Every block with its whole stack.
    Full,
}
