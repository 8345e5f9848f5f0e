//! Reading words, which may not be there.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A word, or 0 behind the end.
pub(super) fn load(words: &[AtomicU64], index: usize) -> u64 {
    words.get(index).map_or(0, |word| word.load(Relaxed))
}
