//! Points that the program says it passes, by name, in a table of fixed size in the spool.
//!
//! A name is known by its hash of 64 bits. So nobody waits for another who is just writing a name down, and passing a
//! mark is two changes of its place. That two of 256 names share a hash has a probability of 2^-49.

use crate::mode::{self, State};
use crate::os::clock;
use crate::profile::{resident, timeline};
use crate::spool;
use alloc_probe_format::spool::{MARKS, Section, header, mark as word};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

/// Tells the profile that the program passes a point, by a name for it.
///
/// A dump has, for each name, how often it was passed, when first and last, and how much was live and resident the first
/// time. `alloc-probe show` prints it. A mark that is passed once for each unit of work, such as a request, lets
/// `alloc-probe diff` compare runs that did different amounts of work.
///
/// ```
/// alloc_probe::install!();
///
/// fn main() {
///     let routes: Vec<String> = (0..100).map(|n| format!("/{n}")).collect();
///     alloc_probe::mark("ready");
///     for route in &routes {
///         alloc_probe::mark("request");
///         assert!(route.starts_with('/'));
///     }
/// }
/// ```
///
/// It takes some tens of nanoseconds (the first time some microseconds), allocates nothing, and may be called from any
/// thread and any signal handler. There is room for 256 names; what is passed by others is counted as lost, and the dump
/// says so. It keeps the first 48 bytes of a name.
///
/// Does nothing where nothing is recorded: without [`install!`](crate::install), with recording off, and in the forked
/// child of a process that records.
pub fn mark(name: &str) {
    if records() {
        pass(name);
    }
}

/// Whether anything is recorded now.
#[inline]
fn records() -> bool {
    let mut state = mode::state();
    if state == State::UNSTARTED {
        start_if_installed();
        state = mode::state();
    }
    !matches!(state.without_scopes(), State::UNSTARTED | State::OFF | State::PAUSED)
}

/// Has the first allocation made, if there was none, which starts recording. It is tried once: where the probe is not
/// installed, nothing comes of it.
#[cold]
#[inline(never)]
fn start_if_installed() {
    static TRIED: AtomicBool = AtomicBool::new(false);
    if !TRIED.swap(true, Relaxed) {
        drop(std::hint::black_box(Box::new(0u8)));
    }
}

fn pass(name: &str) {
    let ticks = clock::ticks();
    let passed = place(name, ticks).map(|place| {
        let start = spool::header()[header::START_TICKS].load(Relaxed);
        place[word::LAST].store(ticks.wrapping_sub(start), Relaxed);
        place[word::COUNT].fetch_add(1, Relaxed);
    });
    if passed.is_none() {
        spool::header()[header::LOST_MARKS].fetch_add(1, Relaxed);
    }
}

type Place = [AtomicU64; word::WORDS];

/// The place of a mark, taken if it has none yet. None where there is no room.
fn place(name: &str, ticks: u64) -> Option<&'static Place> {
    let places = places()?;
    let hash = hash(name.as_bytes());
    let first = hash as usize % MARKS;
    for place in places[first..].iter().chain(&places[..first]) {
        let mut found = place[word::HASH].load(Relaxed);
        if found == 0 {
            match place[word::HASH].compare_exchange(0, hash, Relaxed, Relaxed) {
                Ok(_) => {
                    write_first(place, name, ticks);
                    return Some(place);
                }
                // Another thread was faster.
                Err(other) => found = other,
            }
        }
        if found == hash {
            return Some(place);
        }
    }
    None
}

/// The table, made when it is first needed.
fn places() -> Option<&'static [Place; MARKS]> {
    let made = || spool::ensure(Section::MARKS, size_of::<[Place; MARKS]>());
    // SAFETY: so much of the section can be used, at an address that stays, and zero is a valid value of every word.
    made().then(|| unsafe { &*spool::base(Section::MARKS).cast() })
}

/// Notes the name and the process as it is, in a place just taken.
#[cold]
#[inline(never)]
fn write_first(place: &Place, name: &str, ticks: u64) {
    for (to, value) in place[word::FIRST..].iter().zip(timeline::sample_at(ticks, resident::now())) {
        to.store(value, Relaxed);
    }
    let mut end = name.len().min(word::NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let kept = &name.as_bytes()[..end];
    for (to, bytes) in place[word::NAME..].iter().zip(kept.chunks(8)) {
        to.store(padded(bytes), Relaxed);
    }
    // Last: a place without a length is not whole.
    place[word::LENGTH].store(end as u64 + 1, Release);
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
    use super::hash;
    use std::collections::HashSet;

    #[test]
    fn like_names_have_different_hashes_in_different_places() {
        let names: Vec<String> = (0..100_000).map(|number| format!("request number {number}")).collect();
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
