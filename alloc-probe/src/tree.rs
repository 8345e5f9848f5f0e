//! The tree of stacks: a node for each frame that was ever seen under its caller.
//!
//! Nodes are only ever added, parents before children, and read without a lock while the tree grows. Two threads
//! that add one frame at the same time may both succeed; a snapshot makes such twins one row again, which is
//! cheaper than keeping them from ever being born.
//!
//! A child is found by the hint of its parent, which names the child that was asked for last, or else in a hash
//! index sized to its use: a quarter to a half full, so that its hot part stays in the cache.

use crate::capture::{FrameKey, Tree};
use crate::counters::SITE_LIMIT;
use crate::memory::lock::Lock;
use crate::memory::os;
use crate::memory::spool;
use alloc_probe_format::spool::{NODE_WORDS, Section, header};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

/// The process's tree.
pub(crate) struct StackTree;

/// How many nodes there can be.
const NODE_LIMIT: usize = 1 << 26;

/// Entries of the first index.
const FIRST_INDEX: usize = 4096;

/// The last child that was asked for, for each node.
static HINTS: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// The index: node numbers, 0 for none, a power of two of them.
static INDEX: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
static INDEX_MASK: AtomicUsize = AtomicUsize::new(0);
static INDEX_USED: AtomicUsize = AtomicUsize::new(0);
static REBUILD: Lock = Lock::new();

/// Makes the root. Called once, before any stack is taken. False where there is no memory.
pub(crate) fn create() -> bool {
    let (Some(hints), Some(index)) = (os::reserve(NODE_LIMIT * 4), os::reserve((FIRST_INDEX + 1) * 4)) else {
        return false;
    };
    HINTS.store(hints.as_ptr().cast(), Relaxed);
    publish_index(index.as_ptr().cast(), FIRST_INDEX);
    // Node 0 is the root, site 0 stands for no stack; both are all zeros.
    spool::add_entry(Section::NODES, NODE_WORDS * 8).is_some() && spool::add_entry(Section::SITES, 8).is_some()
}

/// An index says its own size, in the word before its first entry, so that the pointer alone is enough.
fn publish_index(memory: *mut AtomicU32, entries: usize) {
    // SAFETY: the reservation has one word more than entries.
    unsafe {
        (*memory).store(entries as u32 - 1, Relaxed);
        INDEX.store(memory.add(1), Release);
    }
    INDEX_MASK.store(entries - 1, Relaxed);
}

/// The two words of a node.
#[inline(always)]
fn node(number: u32) -> &'static [AtomicU64; NODE_WORDS] {
    // SAFETY: numbers of nodes come from `add`, which made room for them at addresses that stay.
    unsafe { &*spool::base(Section::NODES).cast::<[AtomicU64; NODE_WORDS]>().add(number as usize) }
}

#[inline(always)]
fn hint(number: u32) -> &'static AtomicU32 {
    // SAFETY: there is a hint for every number below the limit, which `add` holds.
    unsafe { &*HINTS.load(Relaxed).add(number as usize) }
}

#[inline(always)]
fn is_child(candidate: u32, parent: u32, key: u64) -> bool {
    let [own_key, links] = node(candidate);
    own_key.load(Relaxed) == key && links.load(Relaxed) >> 32 == u64::from(parent)
}

#[inline(always)]
fn hash(parent: u32, key: u64) -> usize {
    let mixed = (key ^ u64::from(parent).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29) as usize
}

impl Tree for StackTree {
    const ROOT: u32 = 0;

    #[inline(always)]
    fn child(&self, parent: u32, frame: FrameKey) -> Option<u32> {
        let hinted = hint(parent).load(Relaxed);
        if hinted != 0 && is_child(hinted, parent, frame.0) {
            return Some(hinted);
        }
        let child = find_or_add(parent, frame.0)?;
        hint(parent).store(child, Relaxed);
        Some(child)
    }
}

#[inline(never)]
fn find_or_add(parent: u32, key: u64) -> Option<u32> {
    let index = INDEX.load(Acquire);
    // SAFETY: the word before an index is its mask, and all its entries can be read; indexes are never unmapped.
    let (mask, entry) = unsafe { ((*index.sub(1)).load(Relaxed) as usize, |slot: usize| &*index.add(slot)) };
    let mut slot = hash(parent, key) & mask;
    let mut added = None;
    loop {
        let found = entry(slot).load(Acquire);
        if found == 0 {
            let new = match added {
                Some(new) => new,
                None => *added.insert(add(parent, key)?),
            };
            if entry(slot).compare_exchange(0, new, Release, Relaxed).is_ok() {
                break;
            }
            continue; // Another thread took the place; perhaps with this very frame.
        }
        if is_child(found, parent, key) {
            return Some(found);
        }
        slot = (slot + 1) & mask;
    }
    if INDEX_USED.fetch_add(1, Relaxed) * 2 > mask {
        rebuild_index();
    }
    added
}

/// A new node that no index has yet.
fn add(parent: u32, key: u64) -> Option<u32> {
    if spool::header()[header::COUNTS + Section::NODES.0].load(Relaxed) as usize >= NODE_LIMIT {
        return None;
    }
    let number = spool::add_entry(Section::NODES, NODE_WORDS * 8)?;
    if number as usize >= NODE_LIMIT {
        return None;
    }
    let [own_key, links] = node(number as u32);
    links.store(u64::from(parent) << 32, Relaxed);
    own_key.store(key, Release);
    Some(number as u32)
}

/// Makes an index twice as large. Others go on with the old one meanwhile: what they add to it is put into the
/// new one too, but for the last instant, where a twin may be born.
#[cold]
#[inline(never)]
fn rebuild_index() {
    let Some(_held) = REBUILD.try_lock() else { return };
    let entries = (INDEX_MASK.load(Relaxed) + 1) * 2;
    if INDEX_USED.load(Relaxed) * 2 < INDEX_MASK.load(Relaxed) {
        return; // Another thread was faster.
    }
    let Some(memory) = os::keeping_errno(|| os::reserve((entries + 1) * 4)) else { return };
    let index: *mut AtomicU32 = memory.as_ptr().cast();
    let mask = entries - 1;
    let insert = |number: u32| {
        let [own_key, links] = node(number);
        let key = own_key.load(Acquire);
        if key == 0 {
            return; // Counted, but not written yet.
        }
        let mut slot = hash((links.load(Relaxed) >> 32) as u32, key) & mask;
        loop {
            // SAFETY: the new index has `entries` entries behind its first word.
            let entry = unsafe { &*index.add(1 + slot) };
            match entry.compare_exchange(0, number, Release, Relaxed) {
                Ok(_) => return,
                Err(found) if found == number => return,
                Err(_) => slot = (slot + 1) & mask,
            }
        }
    };
    let count = || spool::header()[header::COUNTS + Section::NODES.0].load(Acquire).min(NODE_LIMIT as u64) as u32;
    let before = count();
    (1..before).for_each(insert);
    INDEX_USED.store(before as usize, Relaxed);
    publish_index(index, entries);
    (before..count()).for_each(insert);
}

/// The site of a stack, by its innermost node; numbered when first asked for. None where there is no space.
#[inline(always)]
pub(crate) fn site(number: u32) -> Option<u32> {
    let [_, links] = node(number);
    match links.load(Relaxed) as u32 {
        0 => add_site(number, links),
        site => Some(site),
    }
}

#[cold]
#[inline(never)]
fn add_site(number: u32, links: &AtomicU64) -> Option<u32> {
    if spool::header()[header::COUNTS + Section::SITES.0].load(Relaxed) >= SITE_LIMIT {
        return None;
    }
    let site = spool::add_entry(Section::SITES, 8)?;
    if site >= SITE_LIMIT {
        return None;
    }
    // SAFETY: `add_entry` made room for the entry.
    unsafe { (*spool::base(Section::SITES).add(site as usize)).store(u64::from(number), Relaxed) };
    let before = links.load(Relaxed);
    match links.compare_exchange(before & !0xffff_ffff, before | site, Relaxed, Relaxed) {
        Ok(_) => Some(site as u32),
        // Another thread was faster; the number stays without a block.
        Err(now) => Some(now as u32),
    }
}
