//! Tables of fixed size in the spool, whose places are found by names that the program gives.
//!
//! A name is known by its hash of 64 bits, the first word of its place. So nobody waits for another who is just writing a
//! name down. That two of 256 names share a hash has a probability of 2^-49.

use crate::spool;
use alloc_probe_format::spool::Section;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// The words of a place. The first is the hash.
pub(super) type Place<const WORDS: usize> = [AtomicU64; WORDS];

/// A table.
pub(super) type Places<const WORDS: usize> = [Place<WORDS>];

/// The table of a section, made when it is first needed. None where there is no room.
pub(super) fn places<const WORDS: usize>(section: Section, count: usize) -> Option<&'static Places<WORDS>> {
    let made = spool::ensure(section, count * size_of::<Place<WORDS>>());
    // SAFETY: so much of the section can be used, at an address that stays, and zero is a valid value of every word.
    made.then(|| unsafe { std::slice::from_raw_parts(spool::base(section).cast(), count) })
}

/// The place of a name, and its number. One that had none takes a free place, which `first` fills in. None where there is
/// no room.
pub(super) fn find<'a, const WORDS: usize>(
    places: &'a Places<WORDS>,
    name: &str,
    first: impl Fn(&Place<WORDS>),
) -> Option<(usize, &'a Place<WORDS>)> {
    let hash = hash(name.as_bytes());
    let start = hash as usize % places.len();
    for number in (start..places.len()).chain(0..start) {
        let place = &places[number];
        let mut found = place[0].load(Relaxed);
        if found == 0 {
            match place[0].compare_exchange(0, hash, Relaxed, Relaxed) {
                Ok(_) => {
                    first(place);
                    return Some((number, place));
                }
                // Another thread was faster.
                Err(other) => found = other,
            }
        }
        if found == hash {
            return Some((number, place));
        }
    }
    None
}

/// Writes what there is room for of a name, and last one more than its bytes to the word `length`: a place without a
/// length is not whole.
#[cold]
#[inline(never)]
pub(super) fn write<const WORDS: usize>(
    place: &Place<WORDS>,
    words: Range<usize>,
    length: usize,
    name: &str,
) {
    let mut end = name.len().min(words.len() * 8);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let kept = &name.as_bytes()[..end];
    for (to, bytes) in place[words].iter().zip(kept.chunks(8)) {
        to.store(padded(bytes), Relaxed);
    }
    place[length].store(end as u64 + 1, Release);
}

/// The hash of a name; not 0.
fn hash(name: &[u8]) -> u64 {
    let mix = |hash: u64, bytes| {
        let product = (hash ^ padded(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    };
    name.chunks(8).fold(name.len() as u64, mix).max(1)
}

/// Up to eight bytes as a word, with zeros behind them.
fn padded(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(whole) => u64::from_le_bytes(whole),
        // PERF: in a register, as a word that was written byte by byte can't be read back at once.
        Err(_) => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicUsize;

    /// Threads that look for the same names at once agree on their places, and one of them fills each in.
    #[test]
    fn a_name_has_one_place() {
        const COUNT: usize = 8;
        static PLACES: [Place<4>; COUNT] = [const { [const { AtomicU64::new(0) }; 4] }; COUNT];
        static FILLED: AtomicUsize = AtomicUsize::new(0);
        let names: Vec<String> = (0..COUNT).map(|number| format!("name {number}")).collect();
        let first = |place: &Place<4>| {
            FILLED.fetch_add(1, Relaxed);
            write(place, 2..4, 1, "name with more bytes than there are");
        };
        let find_all = || {
            let found = names.iter().map(|name| find(&PLACES, name, first).unwrap().0);
            found.collect::<Vec<usize>>()
        };
        std::thread::scope(|threads| {
            let found: Vec<_> = (0..4).map(|_| threads.spawn(find_all)).collect();
            let found: HashSet<_> = found.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(found.len(), 1, "{found:?}");
        });
        assert_eq!(FILLED.load(Relaxed), COUNT);
        assert!(PLACES.iter().all(|place| place[1].load(Relaxed) == 17), "sixteen bytes are kept");
        assert!(find(&PLACES, "another", first).is_none(), "there is no room");
        assert_eq!(FILLED.load(Relaxed), COUNT);
    }

    #[test]
    fn like_names_have_different_hashes_in_different_places() {
        let names: Vec<String> = (0..if cfg!(miri) { 500 } else { 100_000 })
            .map(|number| format!("request number {number}"))
            .collect();
        let hashes: HashSet<u64> = names.iter().map(|name| hash(name.as_bytes())).collect();
        assert_eq!(hashes.len(), names.len());
        // 256 names on 256 places: e^-1 of these stay free where they fall at random, 94 ± 8.
        let places: HashSet<u64> = names[..256].iter().map(|name| hash(name.as_bytes()) % 256).collect();
        assert!((130..200).contains(&places.len()), "{}", places.len());
    }

    #[test]
    fn no_name_has_the_hash_of_a_free_place() {
        assert_ne!(hash(b""), 0);
        assert_ne!(hash(&[0; 8]), hash(&[0; 16]));
    }
}
