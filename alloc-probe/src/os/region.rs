//! Memory of the probe's for a while, which is not the arena's: that can't be given back in parts.

use super::memory::{RangeForAWhile, map};
use std::ptr::NonNull;

/// So many words, all zero at first. They go back to the system when this is dropped.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<u64>,
    words: usize,
    _noted: Option<RangeForAWhile>,
}

// SAFETY: the memory is this region's alone, and is changed through a unique reference only.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// None where the system has no memory.
    pub(crate) fn of_words(words: usize) -> Option<Region> {
        let bytes = words.max(1).checked_mul(size_of::<u64>())?;
        let start = map(bytes)?.cast();
        let noted = RangeForAWhile::note(start.as_ptr() as usize, bytes);
        Some(Region { start, words, _noted: noted })
    }

    pub(crate) fn words(&self) -> &[u64] {
        // SAFETY: so many words are mapped there until this is dropped, and zeros are valid ones.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and the reference is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let bytes = self.words.max(1) * size_of::<u64>();
        // SAFETY: the mapping is this region's, which nobody can use any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::for_each_own_range;

    #[test]
    fn a_region_is_the_probes_as_long_as_it_lives() {
        let is_own = |address: usize| {
            let mut found = false;
            for_each_own_range(|start, end| found |= (start..end).contains(&address));
            found
        };
        let mut region = Region::of_words(3000).unwrap();
        assert!(region.words().iter().all(|word| *word == 0));
        region.words_mut()[2999] = 7;
        assert_eq!(region.words().iter().sum::<u64>(), 7);
        let address = region.start.as_ptr() as usize;
        assert!(is_own(address) && is_own(address + 3000 * 8 - 1));
        drop(region);
        assert!(!is_own(address));
        assert!(Region::of_words(0).unwrap().words().is_empty());
        assert!(Region::of_words(usize::MAX / 8).is_none());
    }
}
