//! What to do about memory that no data is in, by what the allocator is.

use crate::analyse::evidence::words::Allocator;

/// About what was asked for and never touched.
pub(in crate::analyse) const RESERVED: &str = "Look at the resident memory, not at live bytes or the virtual size. Where the \
                                               latter is limited (`ulimit -v`, `vm.overcommit_memory=2`), reserve what is \
                                               needed.";

/// Where what is free can't be told from what C code uses.
pub(in crate::analyse) const FROM_INSIDE: &str = "A dump that the process writes itself tells them apart (`ALLOC_PROBE_SIGNAL`, or at its end). What is free:";

/// About free pages that stay resident; `has_spike` is whether it is known what left them behind.
pub(in crate::analyse) fn retained(allocator: Allocator, has_spike: bool) -> String {
    let spike =
        if has_spike { "Make the spike smaller (in parts, streamed, re-used), or have" } else { "Have" };
    let means = match allocator {
        Allocator::Glibc => {
            "it given back: `malloc_trim(0)` where a burst of work is over, or an allocator that gives pages back by \
             itself, as jemalloc does. `M_TRIM_THRESHOLD` is only about what lies above the last block in use."
        }
        Allocator::Jemalloc => {
            "it given back sooner: a lower `dirty_decay_ms` (10 s by default), and `background_thread:true` for when \
             nothing is allocated any more."
        }
        Allocator::Mimalloc => {
            "it given back sooner: `mi_collect` where a burst of work is over, or a lower `MIMALLOC_PURGE_DELAY`."
        }
        Allocator::Other => "it given back, by whatever the allocator has for that.",
    };
    format!("{spike} {means}")
}

/// About free memory on pages that something in use lies on.
pub(in crate::analyse) fn fragmentation(allocator: Allocator) -> String {
    let apart = "Allocate what stays apart from what goes: make the long-lived blocks before or after the burst, or \
                 copy what is to stay into a few large blocks (one `Vec`, an arena)";
    match allocator {
        Allocator::Glibc => {
            format!(
                "{apart}. An allocator with size classes (Jemalloc, mimalloc) keeps blocks of other sizes apart."
            )
        }
        _ => format!("{apart}."),
    }
}
