//! The lines of the account: what each adds up, of one dump.

use crate::analyse::signed::signed;
use alloc_probe_format::dump::{Code, Dump, Heap, HeapBasis, PeakMemory};

/// A line: its name, what it means, whether it counts bytes, and its figure, none where a dump can't tell.
pub(in crate::analyse) type Part = (&'static str, &'static str, bool, fn(&Dump) -> Option<i64>);

/// What the other lines leave of the whole.
pub(in crate::analyse) const REST: (&str, &str) = ("the rest", "resident, but none of these");

pub(in crate::analyse) const RESIDENT: Part =
    ("resident", "", true, |dump| Some(signed(dump.memory.rss_bytes)));

/// What the allocator has, page by page; in one line where that is not known. The untouched and the swapped are live,
/// but not resident, so they count below zero.
pub(in crate::analyse) const HEAP: [Part; 15] = [
    ("live blocks", "asked for and not freed", true, |dump| Some(live(dump))),
    ("never touched", "live, but on pages not used yet", true, |dump| {
        let Some(heap) = heap(dump) else {
            // At least so much of what is live is not resident.
            return Some(anonymous(dump) - live(dump)).filter(|less| *less < 0);
        };
        Some(signed(heap.live_bytes) + signed(heap.swapped_bytes) - live(dump) - came(dump))
    }),
    ("swapped out", "live, but not in RAM any more", true, |dump| Some(-signed(heap(dump)?.swapped_bytes))),
    ("retained", "free pages the allocator keeps", true, |dump| Some(signed(heap(dump)?.retained_bytes))),
    ("fragmentation", "free, on pages that blocks hold", true, |dump| {
        Some(signed(heap(dump)?.fragmented_bytes))
    }),
    ("rounding", "added to blocks by the allocator", true, |dump| {
        Some(signed(told_apart(dump)?.slack_bytes))
    }),
    ("C code", "of other languages, in use", true, |dump| Some(signed(told_apart(dump)?.other_bytes))),
    ("rounding and C", "in use beyond live blocks", true, |dump| {
        let sampled = heap(dump).filter(|heap| heap.basis == HeapBasis::Samples);
        Some(sampled.map_or(0, |heap| signed(heap.other_bytes)))
    }),
    ("allocator", "its own tables", true, |dump| match heap(dump)?.basis {
        HeapBasis::Pages => None,
        _ => Some(signed(heap(dump)?.metadata_bytes)),
    }),
    ("heap, unknown", "in use or free: could not be told", true, |dump| {
        Some(signed(heap(dump)?.unknown_bytes))
    }),
    ("heap beyond them", "free, rounding, C: not told apart", true, |dump| match heap(dump) {
        Some(_) => Some(0),
        None => Some((anonymous(dump) - live(dump)).max(0)),
    }),
    ("changed meanwhile", "came, went or moved while read", true, |dump| {
        Some(category(dump, "changed") + came(dump))
    }),
    ("reclaimable", "given up, the system's at need", true, |dump| Some(category(dump, "reclaimable"))),
    ("other mappings", "made without the allocator", true, |dump| {
        Some(if is_by_pages(dump) { 0 } else { without_blocks(dump)? })
    }),
    // Where an allocator is known by the pages of its blocks alone, it may well have mappings in which there are none now.
    ("without blocks", "mappings: free, C code's, others", true, |dump| {
        Some(if is_by_pages(dump) { without_blocks(dump)? } else { 0 })
    }),
];

/// What lies in mappings that are not known to be the allocator's.
fn without_blocks(dump: &Dump) -> Option<i64> {
    // In old dumps, the heap may have grown between the two.
    Some((anonymous(dump) - signed(heap(dump)?.resident_bytes)).max(0))
}

fn is_by_pages(dump: &Dump) -> bool {
    heap(dump).is_some_and(|heap| heap.basis == HeapBasis::Pages)
}

/// Whether what holds no block is known to be free. By the pages of blocks alone, or from outside, it may as well be in use, by
/// C code or by the allocator itself. No allocator has tables of no bytes: where that figure is, the process has looked itself.
pub fn is_free_known(dump: &Dump) -> bool {
    heap(dump).is_none_or(|heap| match heap.basis {
        HeapBasis::Pages => false,
        HeapBasis::Classes => heap.metadata_bytes > 0,
        HeapBasis::Chunks | HeapBasis::Samples => true,
    })
}

/// The executable and the libraries by what is in them.
pub(in crate::analyse) const CODE: [Part; 3] = [
    ("code", "instructions and constants", true, |dump| Some(signed(code(dump)?.text_bytes))),
    ("relocations", "constants with addresses in them", true, |dump| {
        Some(signed(code(dump)?.relocations_bytes))
    }),
    ("static data", "variables of program and libraries", true, |dump| Some(signed(code(dump)?.data_bytes))),
];

/// The same by file, for dumps that don't know what is in them.
pub(in crate::analyse) const IMAGES: [Part; 2] = [
    ("executable", "the program's code and data", true, |dump| Some(category(dump, "executable"))),
    ("libraries", "shared libraries' code and data", true, |dump| Some(category(dump, "libraries"))),
];

pub(in crate::analyse) const OTHERS: [Part; 3] = [
    ("stacks", "of threads, as far as touched", true, |dump| Some(category(dump, "stacks"))),
    ("files", "other files mapped into memory", true, |dump| Some(category(dump, "files"))),
    ("probe", "what recording took", true, |dump| Some(category(dump, "probe"))),
];

pub(in crate::analyse) const BESIDE: [Part; 5] = [
    ("threads", "alive", false, |dump| Some(signed(dump.memory.threads))),
    // An allocator that does not tell how many it has is not without any.
    ("arenas", "of the allocator", false, |dump| {
        Some(signed(dump.memory.allocator.as_ref()?.arenas)).filter(|arenas| *arenas > 0)
    }),
    ("huge pages", "HugeTLB, not resident", true, |dump| Some(signed(dump.memory.huge_bytes))),
    ("page tables", "the kernel's, not resident", true, |dump| Some(signed(dump.memory.page_table_bytes))),
    ("swap", "of the whole process", true, |dump| Some(signed(dump.memory.swap_bytes))),
];

pub(in crate::analyse) const RESIDENT_AT_PEAK: Part =
    ("resident", "", true, |dump| Some(signed(at_peak(dump)?.resident_bytes)));

/// What one system call tells. How much of the spool is resident is not known there, so it is with the files; the probe's
/// memory beside it is within the second line.
pub(in crate::analyse) const AT_PEAK: [Part; 4] = [
    ("live blocks", "asked for and not freed", true, |dump| Some(signed(at_peak(dump)?.live_bytes))),
    // At least so much of what was live was not resident.
    ("never touched", "live, but on pages not used yet", true, |dump| {
        Some(beyond_live_at_peak(dump)?.min(0))
    }),
    ("beyond them", "free, rounding, stacks, data", true, |dump| Some(beyond_live_at_peak(dump)?.max(0))),
    ("shared with files", "code, files, the probe's spool", true, |dump| {
        Some(signed(at_peak(dump)?.shared_bytes))
    }),
];

fn live(dump: &Dump) -> i64 {
    signed(dump.totals.end_bytes)
}

fn heap(dump: &Dump) -> Option<&Heap> {
    dump.memory.heap.as_ref()
}

/// What is live and was not seen in memory, below zero: it came, or moved, when the pages had been read. Above zero, what went.
/// Estimates tell nothing of that.
fn came(dump: &Dump) -> i64 {
    let heap = heap(dump).filter(|heap| heap.basis != HeapBasis::Samples);
    heap.map_or(0, |heap| {
        let seen = [heap.live_bytes, heap.untouched_bytes, heap.swapped_bytes, heap.elsewhere_bytes];
        seen.into_iter().map(signed).sum::<i64>() - live(dump)
    })
}

/// The heap, where it is known what of it is the allocator's and what C's.
fn told_apart(dump: &Dump) -> Option<&Heap> {
    heap(dump).filter(|heap| !matches!(heap.basis, HeapBasis::Pages | HeapBasis::Samples))
}

fn code(dump: &Dump) -> Option<&Code> {
    dump.memory.code.as_ref()
}

/// What the resident memory at the peak had beyond live bytes and what is shared; below zero where less was touched.
fn beyond_live_at_peak(dump: &Dump) -> Option<i64> {
    let peak = at_peak(dump)?;
    Some(signed(peak.resident_bytes) - signed(peak.shared_bytes) - signed(peak.live_bytes))
}

fn at_peak(dump: &Dump) -> Option<&PeakMemory> {
    dump.memory.at_peak.as_ref()
}

/// The heap, and whatever else is mapped without a file.
fn anonymous(dump: &Dump) -> i64 {
    category(dump, "heap") + category(dump, "anonymous")
}

fn category(dump: &Dump, name: &str) -> i64 {
    let of_name = dump.memory.categories.iter().filter(|category| category.name == name);
    signed(of_name.map(|category| category.bytes).fold(0, u64::saturating_add))
}
