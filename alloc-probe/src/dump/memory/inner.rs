//! The allocator that the probe wraps, as far as it is one whose memory can be told from the program's, or that can be
//! asked.

use super::jemalloc::Jemalloc;
use super::mappings::Mapping;
use super::mimalloc::Mimalloc;
use super::pages::Pages;
use alloc_probe_format::dump::AllocatorFacts;

/// The wrapped allocator.
#[derive(Clone, Copy)]
pub(super) enum Inner {
    Glibc,
    Jemalloc(Jemalloc),
    Mimalloc(Mimalloc),
    /// One that is not known.
    Other,
}

impl Inner {
    /// By the name of its type, and by what the program has of it.
    pub(super) fn of_type(name: &str) -> Inner {
        let name = name.to_ascii_lowercase();
        let known = if name.contains("jemalloc") {
            Jemalloc::find().map(Inner::Jemalloc)
        } else if name.contains("mimalloc") {
            Mimalloc::find().map(Inner::Mimalloc)
        } else if name.contains("alloc::system") {
            let glibc = cfg!(all(target_env = "gnu", target_pointer_width = "64")).then_some(Inner::Glibc);
            Jemalloc::in_place_of_malloc().map(Inner::Jemalloc).or(glibc)
        } else {
            None
        };
        known.unwrap_or(Inner::Other)
    }

    /// What it rounds a size up to, as far as that is known by the size alone.
    pub(super) fn rounded(self, bytes: u64) -> u64 {
        match self {
            Inner::Jemalloc(jemalloc) => jemalloc.rounded(bytes),
            Inner::Mimalloc(mimalloc) => mimalloc.rounded(bytes),
            Inner::Glibc | Inner::Other => bytes,
        }
    }

    /// Claims the memory that it says is its own, or that can't well be another's. Much of it may hold no block.
    pub(super) fn claim(self, mappings: &[Mapping], pages: &mut Pages) {
        match self {
            // It can't be asked: `arenas.lookup` crashes for an address that is not its own. But hardly anyone else maps
            // memory without reserving it.
            Inner::Jemalloc(_) => {
                for mapping in mappings.iter().filter(|mapping| mapping.is_not_reserved) {
                    pages.claim(mapping.start as u64, mapping.end as u64);
                }
            }
            Inner::Mimalloc(mimalloc) => pages.claim_where(|address| mimalloc.has(address)),
            Inner::Glibc | Inner::Other => {}
        }
    }

    /// What it says of itself, and how much its own tables take; and why it does not.
    pub(super) fn facts(self) -> (Option<AllocatorFacts>, u64, Option<&'static str>) {
        match self {
            Inner::Jemalloc(jemalloc) => {
                let (facts, metadata) = jemalloc.facts();
                let why =
                    "jemalloc was built without statistics: what its own tables take counts as retained";
                (Some(facts), metadata.unwrap_or(0), if metadata.is_none() { Some(why) } else { None })
            }
            Inner::Mimalloc(mimalloc) => (Some(mimalloc.facts()), 0, None),
            Inner::Glibc | Inner::Other => (None, 0, None),
        }
    }

    /// Has it give back what it can. Takes locks of its own.
    pub(super) fn trim(self) {
        match self {
            #[cfg(target_env = "gnu")]
            Inner::Glibc => {
                // SAFETY: it has no preconditions.
                unsafe { libc::malloc_trim(0) };
            }
            Inner::Jemalloc(jemalloc) => jemalloc.trim(),
            Inner::Mimalloc(mimalloc) => mimalloc.trim(),
            _ => {}
        }
    }
}
