//! What a scope measured.

use std::fmt::{self, Display};

/// What was allocated in a [`Scope`](crate::Scope). Bytes are those asked for, without the allocator's rounding.
///
/// A block that was allocated inside is in the figures wherever it is freed. One that was allocated outside is in none of
/// them, even if it is freed inside.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let (text, usage) = alloc_probe::measure(|| "x".repeat(1000));
/// assert_eq!(usage.total_bytes, 1000);
/// assert_eq!(
///     usage.to_string(),
///     "1 allocation, 0 reallocs, 0 frees; total 1000 B in 1 block, peak 1000 B in 1 block, live 1000 B in 1 block; \
///      largest 1000 B; 0 temporary",
/// );
/// # drop(text);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Usage {
    /// Calls of `alloc` and `alloc_zeroed`.
    pub allocations: u64,
    /// Calls of `realloc`: each ends a block and begins another.
    pub reallocs: u64,
    /// Calls of `dealloc` for blocks of the scope.
    pub frees: u64,
    /// Bytes allocated. A reallocation counts with its whole new size.
    pub total_bytes: u64,
    /// Blocks allocated: allocations and reallocations.
    pub total_blocks: u64,
    /// The most bytes that were live at one instant.
    pub peak_bytes: u64,
    /// The blocks that were live at that instant; if there were several, at the last.
    pub peak_blocks: u64,
    /// Bytes allocated and not freed until now.
    pub live_bytes: u64,
    /// Blocks allocated and not freed until now.
    pub live_blocks: u64,
    /// The size of the largest block, in bytes.
    pub largest_block: u64,
    /// Blocks freed before the same thread allocated again.
    pub temporary_blocks: u64,
    /// Events that are missing in the figures: the system had no memory to record them, or a signal handler allocated
    /// while the probe was at work. 0 in a faultless run. No assertion passes unless it is 0.
    pub lost: u64,
}

impl Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted =
            |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        let pair = |bytes, blocks| format!("{} in {}", Bytes(bytes), counted(blocks, "block"));
        write!(
            f,
            "{}, {}, {}; total {}, peak {}, live {}; largest {}; {} temporary",
            counted(self.allocations, "allocation"),
            counted(self.reallocs, "realloc"),
            counted(self.frees, "free"),
            pair(self.total_bytes, self.total_blocks),
            pair(self.peak_bytes, self.peak_blocks),
            pair(self.live_bytes, self.live_blocks),
            Bytes(self.largest_block),
            self.temporary_blocks,
        )?;
        if self.lost > 0 { write!(f, "; {} lost", self.lost) } else { Ok(()) }
    }
}

/// Bytes for people, with one decimal: `18.2 MiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0..1024 => format!("{} B", self.0),
            _ => {
                let mut value = self.0 as f64 / 1024.0;
                let mut units = ["KiB", "MiB", "GiB"].into_iter();
                let mut unit = units.next().unwrap_or_default();
                // What would be shown as 1024.0 is 1.0 of the next.
                for next in units {
                    if value < 1023.95 {
                        break;
                    }
                    (value, unit) = (value / 1024.0, next);
                }
                format!("{value:.1} {unit}")
            }
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_have_the_largest_unit_that_leaves_a_whole() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (19_083_034, "18.2 MiB"),
            (5 << 40, "5120.0 GiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
