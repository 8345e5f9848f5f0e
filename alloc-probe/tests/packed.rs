//! A process whose allocator puts blocks as close together as mimalloc and jemalloc do: eight bytes apart, in pages of
//! one size each.

#[path = "support/mod.rs"]
mod support;

use alloc_probe::AllocProbe;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::child::Child;
use support::figures::are_true;
use support::truth::{Counted, Truth};
use support::{Cases, cases, tell};

#[global_allocator]
static ALLOC: AllocProbe<Truth<Packed>> = AllocProbe::new(Truth(Packed));

/// Blocks of up to [`LARGEST`] bytes, which are never given out again. The others are the system's.
struct Packed;

const LARGEST: usize = 128;
const PAGE: usize = 4096;
const PAGES: usize = 4096;

#[repr(C, align(4096))]
struct Memory(UnsafeCell<[u8; PAGE * PAGES]>);

// SAFETY: each byte is given to one owner, once.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; PAGE * PAGES]));
static TAKEN_PAGES: AtomicUsize = AtomicUsize::new(0);

/// By size in units of 8 bytes: where the next block begins. 0 before the first.
static NEXT: [AtomicUsize; LARGEST / 8 + 1] = [const { AtomicUsize::new(0) }; LARGEST / 8 + 1];

/// Takes room for a block; its place in the memory.
fn take(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > 8 {
        return None;
    }
    let size = layout.size().next_multiple_of(8);
    let next = &NEXT[size / 8];
    loop {
        let place = next.load(SeqCst);
        let fits = place % PAGE != 0 && place % PAGE + size <= PAGE;
        // The first bytes of a page are nobody's, so that a place is never that of a page.
        let from = if fits { place } else { TAKEN_PAGES.fetch_add(1, SeqCst) * PAGE + 8 };
        if from + size > PAGE * PAGES {
            return None;
        }
        if next.compare_exchange(place, from + size, SeqCst, SeqCst).is_ok() {
            return Some(from);
        }
    }
}

// SAFETY: a block is given out once, and blocks do not overlap, as those of a size follow each other in pages that are
// that size's alone. The rest is the system's allocator.
unsafe impl GlobalAlloc for Packed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            // SAFETY: all places lie within the memory.
            Some(place) => unsafe { MEMORY.0.get().cast::<u8>().add(place) },
            // SAFETY: the caller's promises are those asked for.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if (block as usize).wrapping_sub(MEMORY.0.get() as usize) >= size_of::<Memory>() {
            // SAFETY: what does not lie in the memory came from there.
            unsafe { System.dealloc(block, layout) };
        }
    }
}

const CASES: Cases =
    Cases { checks: cases![the_tables_of_live_blocks_are_no_larger_than_promised], scenarios: cases![keeps] };

fn main() -> ExitCode {
    support::main(&[("packed", CASES)])
}

const BLOCKS: usize = 90_000;

/// Keeps short texts and larger values, in no order, and frees half of them.
fn keeps() {
    let mut seed = 1u64;
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(BLOCKS);
    for _ in 0..BLOCKS {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let size = [3, 14, 40, 8, 80][(seed >> 33) as usize % 5];
        kept.push(black_box(Vec::with_capacity(size)));
    }
    tell("live", alloc_probe::stats().live_blocks);
    // Each is found where it was put.
    for block in kept.iter_mut().step_by(2) {
        drop(std::mem::take(block));
    }
    Counted::tell_at_exit();
    std::process::exit(0);
}

/// Many blocks of a page want the same part of a table. What has no room there goes elsewhere, and the table is filled
/// before there is another.
fn the_tables_of_live_blocks_are_no_larger_than_promised() {
    let outcome = Child::new("keeps", "full").succeed();
    are_true(&outcome);
    let dump = outcome.dump();
    assert_eq!(dump.lost.unknown_frees, 0);
    let (bytes, live) = (dump.probe.spool_bytes, outcome.told("live"));
    assert!(live >= BLOCKS as u64);
    // 48 bytes a block, and half a mebibyte of what else there is.
    assert!(bytes < live * 56, "{bytes} bytes for {live} blocks");
}
