//! The tree of stacks: a node for each frame that was ever seen under its caller.
//!
//! Nodes are only ever added, parents before children, and read without a lock while the tree grows. The children
//! of a node are a chain, the newest first: most nodes have one or two, and those of one capture lie side by side,
//! so that looking for a child touches few cache lines. (A hash index of all nodes was measured to cost twice as
//! much, nearly all of it in cache misses.) Where a chain is long, a small cache remembers where a child was found.
//!
//! Of two threads that add one frame at the same time, one is first, and the other finds its node.

use crate::capture::{FrameKey, Tree};
use crate::spool;
use alloc_probe_format::spool::{NODE_WORDS, SITE_LIMIT, Section, header};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// The process's tree.
pub(crate) struct StackTree;

/// How many nodes there can be.
const NODE_LIMIT: usize = 1 << 25;

/// How far a chain is followed before the cache is asked.
const NEAR: usize = 8;

/// Children of long chains, at the hash of parent and frame; whatever was found there last.
static FOUND: [AtomicU32; 1 << 14] = [const { AtomicU32::new(0) }; 1 << 14];

/// Whether the root was made. Before that, a first node would take its number.
static CREATED: AtomicBool = AtomicBool::new(false);

/// A node, in the spool.
#[repr(C)]
struct Node {
    key: AtomicU64,
    /// `parent << 32 | site`; the parent never changes.
    parent_and_site: AtomicU64,
    /// `first child << 32 | next sibling`; the sibling never changes.
    child_and_sibling: AtomicU64,
}

const _: () = assert!(size_of::<Node>() == NODE_WORDS * 8);

/// Makes the root. Called once, before any stack is taken. False where there is no memory.
pub(crate) fn create() -> bool {
    // Node 0 is the root, site 0 stands for no stack; both are all zeros.
    let made = spool::add_entry(Section::NODES, size_of::<Node>()).is_some()
        && spool::add_entry(Section::SITES, 8).is_some();
    CREATED.store(made, Release);
    made
}

/// Whether there is a tree.
pub(super) fn exists() -> bool {
    CREATED.load(Acquire)
}

#[inline(always)]
fn node(number: u32) -> &'static Node {
    // SAFETY: numbers of nodes come from `add`, which made room for them at addresses that stay.
    unsafe { &*spool::base(Section::NODES).cast::<Node>().add(number as usize) }
}

impl Node {
    #[inline(always)]
    fn first_child(&self) -> u32 {
        (self.child_and_sibling.load(Acquire) >> 32) as u32
    }

    #[inline(always)]
    fn next_sibling(&self) -> u32 {
        self.child_and_sibling.load(Relaxed) as u32
    }

    #[inline(always)]
    fn parent(&self) -> u32 {
        (self.parent_and_site.load(Relaxed) >> 32) as u32
    }

    #[inline(always)]
    fn is(&self, key: u64) -> bool {
        self.key.load(Relaxed) == key
    }
}

impl Tree for StackTree {
    const ROOT: u32 = 0;

    #[inline(always)]
    fn child(&self, parent: u32, frame: FrameKey) -> Option<u32> {
        let first = node(parent).first_child();
        let mut child = first;
        for _ in 0..NEAR {
            if child == 0 {
                return add(parent, frame.0, first);
            }
            let candidate = node(child);
            if candidate.is(frame.0) {
                return Some(child);
            }
            child = candidate.next_sibling();
        }
        find_far(parent, child, frame.0, first)
    }

    #[cfg(any(test, feature = "checked-stacks"))]
    fn parent(&self, number: u32) -> (u32, FrameKey) {
        let node = node(number);
        (node.parent(), FrameKey(node.key.load(Relaxed)))
    }
}

/// Looks further down a chain that begins with `first`, from `child` on.
#[inline(never)]
fn find_far(parent: u32, mut child: u32, key: u64, first: u32) -> Option<u32> {
    let mixed = (key ^ u64::from(parent).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let found = &FOUND[(mixed >> 50) as usize];
    let remembered = found.load(Acquire);
    if remembered != 0 && node(remembered).is(key) && node(remembered).parent() == parent {
        return Some(remembered);
    }
    while child != 0 && !node(child).is(key) {
        child = node(child).next_sibling();
    }
    let child = if child == 0 { add(parent, key, first)? } else { child };
    found.store(child, Release);
    Some(child)
}

/// Adds a child to a node that has none with this frame from `seen` on, or finds the one that another thread has added
/// since.
#[cold]
#[inline(never)]
fn add(parent: u32, key: u64, mut seen: u32) -> Option<u32> {
    if spool::header()[header::COUNTS + Section::NODES.0].load(Relaxed) as usize >= NODE_LIMIT {
        return None;
    }
    let number = spool::add_entry(Section::NODES, size_of::<Node>())?;
    let number = u32::try_from(number).ok().filter(|&number| (number as usize) < NODE_LIMIT)?;
    let new = node(number);
    new.key.store(key, Relaxed);
    new.parent_and_site.store(u64::from(parent) << 32, Relaxed);
    let links = &node(parent).child_and_sibling;
    let mut before = links.load(Acquire);
    loop {
        // Others may have come, and at worst one of them is this frame: then the new node stays unused.
        let first = (before >> 32) as u32;
        let mut child = first;
        while child != seen {
            if node(child).is(key) {
                return Some(child);
            }
            child = node(child).next_sibling();
        }
        seen = first;
        new.child_and_sibling.store(before >> 32, Relaxed);
        let after = u64::from(number) << 32 | (before & 0xffff_ffff);
        match links.compare_exchange_weak(before, after, Release, Acquire) {
            Ok(_) => return Some(number),
            Err(now) => before = now,
        }
    }
}

/// The node of an operation that begins where stacks begin at `root`: the one that is there already, as where an operation
/// is in itself by other ones, else a new one inward of it. `root` itself where there is no space.
pub(super) fn operation(root: u32, number: u32) -> u32 {
    let frame = FrameKey::operation(number);
    let mut outer = root;
    while outer != StackTree::ROOT {
        if node(outer).is(frame.0) {
            return outer;
        }
        outer = node(outer).parent();
    }
    StackTree.child(root, frame).unwrap_or(root)
}

/// The site of a stack, by its innermost node; numbered when first asked for. None where there is no space.
#[inline(always)]
pub(crate) fn site(number: u32) -> Option<u32> {
    let links = &node(number).parent_and_site;
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
