//! Which allocator the probe wraps, as far as that makes a difference.

use super::glibc;
use super::heap::Basis;
use super::mappings::Mapping;
use super::pages::Pages;
use crate::start;
use alloc_probe_format::dump::AllocatorFacts;

/// The wrapped allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    /// The C library's, where that is glibc.
    Glibc,
    /// One that can't be asked.
    Other,
}

impl Inner {
    /// By the name of its type, and by what is there of it.
    pub(super) fn of_process() -> Inner {
        let is_system = start::allocator().contains("alloc::System");
        if is_system && cfg!(all(target_env = "gnu", target_pointer_width = "64")) {
            Inner::Glibc
        } else {
            Inner::Other
        }
    }

    /// By what its memory can be told from the program's, with a sentence for what can't.
    pub(super) fn basis(self, heap: &[Mapping], pages: &mut Pages, unknown: &mut Vec<String>) -> Basis {
        match self {
            Inner::Glibc => match glibc::find(heap, pages) {
                Some(malloc) if !malloc.heaps.is_empty() => {
                    if malloc.not_followed > 0 {
                        let heaps = malloc.not_followed;
                        unknown.push(format!(
                            "the chunks of {heaps} of the allocator's heaps could not be followed"
                        ));
                    }
                    Basis::Chunks(Box::new(malloc))
                }
                Some(_) => {
                    unknown.push("the allocator's chunks could not be followed".to_owned());
                    Basis::Pages
                }
                None => {
                    unknown.push("the system does not let the process read its own memory".to_owned());
                    Basis::Pages
                }
            },
            Inner::Other => Basis::Pages,
        }
    }

    /// What it says of itself.
    pub(super) fn facts(self, basis: &Basis) -> Option<AllocatorFacts> {
        match basis {
            Basis::Chunks(malloc) => Some(malloc.facts()),
            _ => None,
        }
    }
}
