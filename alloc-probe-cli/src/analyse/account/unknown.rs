//! What must be said beside an account, and what of it a dump can't tell.

use crate::units;
use alloc_probe_format::dump::{AllocatorFacts, Dump, HeapBasis, Mode};

/// Why a dump does not say what is on the heap's pages, in a clause; none where it does.
pub(in crate::analyse) fn why_no_heap(dump: &Dump) -> Option<String> {
    let memory = &dump.memory;
    if memory.heap.is_some() {
        return None;
    }
    Some(match dump.mode {
        Mode::Off | Mode::Count => "blocks were counted, not recorded".to_owned(),
        Mode::Sample => "only some of the blocks were recorded".to_owned(),
        Mode::Full if dump.process.from_spool => {
            "the figures are from a spool, and the pages were not there to be read".to_owned()
        }
        Mode::Full => match memory.unknown.first() {
            Some(reason) => reason.clone(),
            None => "the dump is of a version that did not look".to_owned(),
        },
    })
}

/// What came, went or moved while the heap's pages were read is this share of the heap at the least, and so many bytes, where
/// nothing can be concluded from what lies between the blocks.
const MOVED: f64 = 0.05;
const LEAST_MOVED: u64 = 64 << 10;

/// How many bytes of the heap came, went or moved while its pages were read, as other threads went on: its free memory is not
/// that between the blocks that were left at the end. None where that's next to nothing.
pub(in crate::analyse) fn moved(dump: &Dump) -> Option<u64> {
    let memory = &dump.memory;
    let heap = memory.heap.as_ref().filter(|_| memory.threads > 1)?;
    let changed = memory.categories.iter().find(|category| category.name == "changed");
    let changed = changed.map_or(0, |category| category.bytes);
    let parts = [heap.live_bytes, heap.untouched_bytes, heap.swapped_bytes, heap.elsewhere_bytes];
    let apart = match heap.basis {
        // What is live is what the others leave.
        HeapBasis::Samples => 0,
        _ => parts.into_iter().fold(0, u64::saturating_add).abs_diff(dump.totals.end_bytes),
    };
    let moved = changed.max(apart);
    (moved >= LEAST_MOVED && moved as f64 > heap.resident_bytes as f64 * MOVED).then_some(moved)
}

/// What else must be known of an account.
pub(in crate::analyse) enum Note {
    /// Of the allocator, only the pages that hold blocks are known.
    PagesOnly,
    /// Only some of the blocks were recorded.
    Samples,
    /// A fact is missing.
    Missing(String),
    /// What the allocator gave back when it was told to, in words.
    Trimmed(String),
}

impl Note {
    /// In a sentence about one of two processes.
    pub(in crate::analyse) fn of(self, side: &str) -> String {
        match self {
            Note::PagesOnly => format!("of {side} {PAGES_ONLY}"),
            Note::Samples => format!("of {side} {SAMPLES}"),
            Note::Missing(reason) => format!("{side}: {reason}"),
            Note::Trimmed(what) => format!("{what} of {side}"),
        }
    }

    /// In a sentence about the only one.
    pub(in crate::analyse) fn alone(self) -> String {
        match self {
            Note::PagesOnly => PAGES_ONLY.to_owned(),
            Note::Samples => SAMPLES.to_owned(),
            Note::Missing(text) | Note::Trimmed(text) => text,
        }
    }
}

const PAGES_ONLY: &str = "it is known on which pages blocks lie, but not what its allocator does with the rest: its \
                          rounding, its tables and C code are within `retained` and `fragmentation`";

const SAMPLES: &str = "only some of the blocks were recorded: what was never touched is estimated by these, and what the \
                       allocator adds to blocks is not told from C code";

/// Such of a process.
pub(in crate::analyse) fn notes(dump: &Dump) -> Vec<Note> {
    let memory = &dump.memory;
    let mut notes = Vec::new();
    // Why there is no heap is said elsewhere.
    if let Some(heap) = &memory.heap {
        notes.extend((heap.basis == HeapBasis::Pages).then_some(Note::PagesOnly));
        notes.extend((heap.basis == HeapBasis::Samples).then_some(Note::Samples));
        notes.extend(memory.unknown.iter().cloned().map(Note::Missing));
        notes.extend(moved(dump).map(|bytes| {
            Note::Missing(format!(
                "other threads went on while the heap's pages were read: {} came, went or moved, so nothing is said of \
                 fragmentation",
                units::bytes(bytes)
            ))
        }));
    }
    if let Some(AllocatorFacts { name, trimmed_bytes: Some(bytes), .. }) = &memory.allocator {
        let bytes = units::bytes(*bytes);
        notes.push(Note::Trimmed(format!("told to give back what it could, {name} gave back {bytes}")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Category, Heap};

    #[test]
    fn what_other_threads_freed_meanwhile_is_noticed() {
        let mut dump = Dump::default();
        dump.totals.end_bytes = 487_286;
        dump.memory.threads = 3;
        let heap = |live_bytes, basis| {
            Some(Heap {
                live_bytes,
                untouched_bytes: 4096,
                resident_bytes: 6 << 20,
                basis,
                ..Heap::default()
            })
        };
        dump.memory.heap = heap(901_520, HeapBasis::Chunks);
        assert_eq!(moved(&dump), Some(418_330));
        dump.memory.heap = heap(520_000, HeapBasis::Chunks);
        assert_eq!(moved(&dump), None, "a little");
        dump.memory.heap = heap(901_520, HeapBasis::Samples);
        assert_eq!(moved(&dump), None, "it's what the others leave");
        dump.memory.categories = vec![Category { name: "changed".to_owned(), bytes: 900_000 }];
        assert_eq!(moved(&dump), Some(900_000));
        dump.memory.threads = 1;
        assert_eq!(moved(&dump), None, "nobody went on");
    }
}
