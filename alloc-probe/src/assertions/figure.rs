//! Figures and comparisons in words, and what a site has of them.

use crate::shared::statement::{Comparison, Figure};
use crate::shared::usage::Bytes;
use alloc_probe_format::dump::Figures;

impl Comparison {
    /// What a figure does that does not hold.
    pub(super) fn broken(self) -> &'static str {
        match self {
            Comparison::AtMost => "is above the limit of",
            Comparison::Below => "is not below",
            Comparison::Equal => "is not",
            Comparison::AtLeast => "is below the least of",
            Comparison::Above => "is not above",
        }
    }
}

impl Figure {
    /// The bytes and blocks of a site that it is made of. What made the largest block is not known; the most bytes are
    /// the best guess.
    pub(super) fn at(self, site: &Figures) -> (u64, u64) {
        match self {
            Figure::peak_bytes | Figure::peak_blocks => (site.peak_bytes, site.peak_blocks),
            Figure::live_bytes | Figure::live_blocks => (site.end_bytes, site.end_blocks),
            Figure::reallocs if site.realloc_calls == 0 => (0, 0),
            Figure::temporary_blocks if site.temporary_blocks == 0 => (0, 0),
            _ => (site.total_bytes, site.total_blocks),
        }
    }

    pub(super) fn is_of_live(self) -> bool {
        matches!(self, Figure::live_bytes | Figure::live_blocks | Figure::frees)
    }

    pub(super) fn is_bytes(self) -> bool {
        use Figure::*;
        matches!(self, total_bytes | peak_bytes | live_bytes | largest_block)
    }

    /// The metric that `alloc-probe show` orders a dump by to see it.
    pub(super) fn metric(self) -> &'static str {
        match self {
            Figure::peak_bytes => "peak-bytes",
            Figure::peak_blocks => "peak-blocks",
            Figure::live_bytes => "end-bytes",
            Figure::live_blocks => "end-blocks",
            Figure::temporary_blocks => "temporary-blocks",
            Figure::total_bytes | Figure::largest_block => "total-bytes",
            _ => "total-blocks",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::allocations => "allocations",
            Figure::reallocs => "reallocs",
            Figure::frees => "frees",
            Figure::total_bytes | Figure::total_blocks => "total",
            Figure::peak_bytes | Figure::peak_blocks => "peak",
            Figure::live_bytes | Figure::live_blocks => "live",
            Figure::largest_block => "largest block",
            Figure::temporary_blocks => "temporary",
        }
    }

    /// A value with its unit.
    pub(super) fn show(self, value: u64) -> String {
        use Figure::*;
        match self {
            _ if self.is_bytes() => Bytes(value).to_string(),
            allocations | reallocs | frees => value.to_string(),
            _ => blocks(value),
        }
    }
}

pub(super) fn blocks(number: u64) -> String {
    format!("{number} block{}", if number == 1 { "" } else { "s" })
}
