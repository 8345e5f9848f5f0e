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
    }
    if let Some(AllocatorFacts { name, trimmed_bytes: Some(bytes), .. }) = &memory.allocator {
        let bytes = units::bytes(*bytes);
        notes.push(Note::Trimmed(format!("told to give back what it could, {name} gave back {bytes}")));
    }
    notes
}
