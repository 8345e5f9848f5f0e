//! How much is recorded.

/// How much the program records. On a platform without stacks, every mode but `Off` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    Off,
    /// Totals for the process and for each thread, without stacks.
    Count,
    /// As `Count`, and some blocks, drawn at random by bytes, with their whole stacks.
    Sample,
    /// Every block with its whole stack.
    Full,
}
