//! A table of entries by a 48-bit key, read without a lock, in one reservation of address space.
//!
//! Open addressing, without marks for what was removed: each place remembers how far the entries that belong there
//! were ever pushed away, its *reach*, and nobody looks further. So a key that isn't there, which is what nearly every
//! free asks for, costs one load, however many entries came and went.

use crate::os;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

/// How far an entry may be pushed away.
const PROBES: usize = 4096;

const KEY_SHIFT: u32 = 16;
const REACH: u64 = (1 << KEY_SHIFT) - 1;

/// Keys below this can be kept.
pub(super) const KEY_LIMIT: u64 = 1 << 48;

/// Spreads the bits of a number.
pub(super) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a table keeps. All its fields are atomic, and all zeros are a valid value.
///
/// # Safety
///
/// The type is `repr(C)` and made of atomic integers only, the first of which is the table's own: its key and reach.
pub(super) unsafe trait Entry: Sync + 'static {
    /// The word for the key.
    fn word(&self) -> &AtomicU64;
    /// Where the entries with a key would like to be, before it is cut to the size of the table.
    fn home(key: u64) -> u64;
}

/// A table. Its places are numbered.
pub(super) struct Table<E> {
    base: AtomicPtr<E>,
    mask: AtomicU32,
    entries: PhantomData<E>,
}

impl<E: Entry> Table<E> {
    pub(super) const fn new() -> Table<E> {
        Table { base: AtomicPtr::new(null_mut()), mask: AtomicU32::new(0), entries: PhantomData }
    }

    /// Takes address space for 2^`bits` entries, or fewer where the system refuses. Called once, before all else.
    pub(super) fn create(&self, bits: u32) -> bool {
        for bits in (10..=bits).rev() {
            if let Some(base) = os::reserve(size_of::<E>() << bits) {
                self.mask.store((1 << bits) - 1, Relaxed);
                self.base.store(base.as_ptr().cast(), Release);
                return true;
            }
        }
        false
    }

    /// The entry at a place.
    #[inline(always)]
    pub(super) fn at(&self, place: u32) -> &'static E {
        let place = place & self.mask.load(Relaxed);
        // SAFETY: nobody uses a table before `create`, which made room for `mask + 1` entries at addresses that stay;
        // any bytes are a valid entry, whose fields are all atomic.
        unsafe { &*self.base.load(Acquire).add(place as usize) }
    }

    /// The place of the entry with a key.
    #[inline(always)]
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        let home = E::home(key) as u32;
        let reach = (self.at(home).word().load(Relaxed) & REACH) as u32;
        (0..reach)
            .map(|distance| home.wrapping_add(distance))
            .find(|&place| self.at(place).word().load(Relaxed) >> KEY_SHIFT == key)
    }

    /// Takes a place for a key that has none; none where there is no room near its home.
    pub(super) fn insert(&self, key: u64) -> Option<u32> {
        let home = E::home(key) as u32;
        let distance = (0..PROBES as u32).find(|&distance| self.claim(home.wrapping_add(distance), key))?;
        let _ = self.at(home).word().fetch_update(Relaxed, Relaxed, |word| {
            (word & REACH <= u64::from(distance)).then_some(word & !REACH | u64::from(distance + 1))
        });
        Some(home.wrapping_add(distance))
    }

    /// Takes a place if it is free.
    fn claim(&self, place: u32, key: u64) -> bool {
        let claimed = |word: u64| (word >> KEY_SHIFT == 0).then_some(word | key << KEY_SHIFT);
        self.at(place).word().fetch_update(Relaxed, Relaxed, claimed).is_ok()
    }

    /// Frees a place.
    pub(super) fn remove(&self, place: u32) {
        self.at(place).word().fetch_and(REACH, Release);
    }

    /// Has a place taken by a key that nobody looks for, until it is removed.
    pub(super) fn make_unfindable(&self, place: u32) {
        let nobody = KEY_LIMIT - 1;
        self.at(place).word().fetch_or(nobody << KEY_SHIFT, Relaxed);
    }

    /// Whether the key at a place is the given one.
    pub(super) fn has(&self, place: u32, key: u64) -> bool {
        self.at(place).word().load(Relaxed) >> KEY_SHIFT == key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Number {
        word: AtomicU64,
    }

    // SAFETY: one atomic integer.
    unsafe impl Entry for Number {
        fn word(&self) -> &AtomicU64 {
            &self.word
        }

        /// Sixteen homes for all, so that entries push each other away.
        fn home(key: u64) -> u64 {
            key % 16
        }
    }

    #[test]
    fn entries_are_found_however_they_were_pushed_about() {
        static TABLE: Table<Number> = Table::new();
        assert!(TABLE.create(10));
        assert_eq!(TABLE.find(5), None);
        let places = (1..=300).map(|key| TABLE.insert(key).expect("there is room")).collect::<Vec<_>>();
        for (key, place) in (1..).zip(&places) {
            assert_eq!(TABLE.find(key), Some(*place));
        }
        for (key, place) in (1..).zip(&places).filter(|(key, _)| key % 3 == 0) {
            TABLE.remove(*place);
            assert_eq!(TABLE.find(key), None);
        }
        for (key, place) in (1..).zip(&places).filter(|(key, _)| key % 3 != 0) {
            assert_eq!(TABLE.find(key), Some(*place), "others stay where they were");
        }
        TABLE.make_unfindable(places[0]);
        assert_eq!(TABLE.find(1), None);
        assert!(TABLE.insert(1).is_some_and(|place| place != places[0]));
    }

    #[test]
    fn a_full_table_says_so() {
        static TABLE: Table<Number> = Table::new();
        assert!(TABLE.create(10));
        let inserted = (1..2000).filter(|&key| TABLE.insert(key).is_some()).count();
        assert_eq!(inserted, 1024);
    }
}
