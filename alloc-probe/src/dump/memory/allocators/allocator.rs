//! The trait of an allocator that the probe wraps.

use crate::dump::memory::pages::Pages;
use alloc_probe_format::dump::{AllocatorFacts, HeapBasis};
use alloc_probe_format::mappings::Mapping;

/// What an allocator can tell. Where it can't, the default says so.
pub(in crate::dump::memory) trait Allocator {
    /// What it rounds a size up to, as far as the size alone tells.
    fn rounded(&self, bytes: u64) -> u64 {
        bytes
    }

    /// Claims the memory that it says is its own, or that can't well be another's. Much of it may hold no block.
    fn claim(&self, _mappings: &[Mapping], _pages: &mut Pages) {}

    /// What it says of itself.
    fn report(&self) -> Report {
        Report::default()
    }

    /// By what the account tells its memory from the program's, if it is not by pages or by the chunks of `malloc`.
    fn basis(&self) -> Option<HeapBasis> {
        None
    }

    /// Whether it is the C library's `malloc`, whose chunks tell what it has.
    fn is_malloc(&self) -> bool {
        false
    }

    /// Whether it takes locks to answer, for which nobody may wait in the name of a thread that a signal has stopped. If
    /// so, what the dump says then.
    fn why_not_asked(&self) -> Option<&'static str> {
        None
    }

    /// Has it give back what it can. Takes locks of its own.
    fn trim(&self) {}
}

/// What an allocator says of itself.
#[derive(Default)]
pub(in crate::dump::memory) struct Report {
    pub(in crate::dump::memory) facts: Option<AllocatorFacts>,
    /// How much its own tables take.
    pub(in crate::dump::memory) metadata_bytes: u64,
    /// How much is free on pages with something in use, where it tells.
    pub(in crate::dump::memory) between_bytes: Option<u64>,
    /// What it does not say, and why.
    pub(in crate::dump::memory) unknown: Option<&'static str>,
}

/// An allocator that is not known.
pub(in crate::dump::memory) struct Unknown;

impl Allocator for Unknown {}

/// Whether a program's `#[global_allocator]`, or what it wraps, is `std`'s for the system's.
pub(super) fn is_system(name: &str) -> bool {
    name.contains("alloc::system")
}
