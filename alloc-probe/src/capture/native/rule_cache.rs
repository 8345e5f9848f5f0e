//! The rules of the code addresses met so far, shared by all threads.
//!
//! The rule of an address never changes while its image stays loaded, so an entry that matches is always right.
//! Entries are single words that carry their whole address: there's nothing to lock, and two threads that fill one
//! at once write the same.

use super::rule::Rule;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Two entries an address can be at: the later one to come is first. That keeps pairs that are in use at the same
/// time from throwing each other out.
const WAYS: usize = 2;
const SETS_BITS: u32 = 13;
/// User space has 47 bits of addresses, and 48 have room.
const TAG_BITS: u32 = 48 - SETS_BITS;

const _: () = assert!(TAG_BITS + Rule::BITS <= 64, "an entry is one word");

#[repr(align(64))]
struct Table([[AtomicU64; WAYS]; 1 << SETS_BITS]);

// Zero, so that the pages take no memory before they are needed: at most 128 KiB.
static TABLE: Table = Table([const { [const { AtomicU64::new(0) }; WAYS] }; 1 << SETS_BITS]);

/// Where an address belongs and what tells it from all others there: together they're the whole address.
#[inline(always)]
fn place(address: u64) -> (&'static [AtomicU64; WAYS], u64) {
    let tag = address >> SETS_BITS & ((1 << TAG_BITS) - 1);
    // The tag's bits are mixed in so that functions at the same offset of different pages keep apart.
    let set = (address ^ tag) as usize & ((1 << SETS_BITS) - 1);
    (&TABLE.0[set], tag << Rule::BITS)
}

/// The rule of `address`, if it's there.
#[inline(always)]
pub(super) fn get(address: u64) -> Rule {
    let (set, tag) = place(address);
    // A rule is never zero, so an entry with the tag of another address differs in its upper bits, and an empty one
    // of an address with a tag of zero yields an empty rule.
    let entry = set[0].load(Relaxed) ^ tag;
    if entry >> Rule::BITS == 0 {
        return Rule(entry as u32);
    }
    let entry = set[1].load(Relaxed) ^ tag;
    if entry >> Rule::BITS == 0 { Rule(entry as u32) } else { Rule::EMPTY }
}

/// Adds a rule.
pub(super) fn insert(address: u64, rule: Rule) {
    let (set, tag) = place(address);
    set[1].store(set[0].load(Relaxed), Relaxed);
    set[0].store(tag | u64::from(rule.0), Relaxed);
}

/// Empties the table. A thread that is adding a rule meanwhile adds it for an image that its own stack goes through,
/// which therefore stays loaded.
pub(in super::super) fn clear() {
    for entry in TABLE.0.iter().flatten() {
        entry.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::rule::Kind;

    #[test]
    fn addresses_of_one_set_are_told_apart() {
        // The two mix to the same set: their low 13 bits differ by what their tags' low bits differ by.
        let (a, b, c) = (0x7000_0000_0000, 0x7000_0000_2001, 0x7000_0000_4002);
        let rule = |words: i64| Rule::simple(Kind::Sp, words * 8, None);
        assert!(std::ptr::eq(place(a).0, place(b).0) && std::ptr::eq(place(a).0, place(c).0));
        insert(a, rule(1));
        insert(b, rule(2));
        assert_eq!((get(a), get(b), get(c)), (rule(1), rule(2), Rule::EMPTY));
        insert(c, rule(3));
        assert_eq!((get(a), get(b), get(c)), (Rule::EMPTY, rule(2), rule(3)));
    }
}
