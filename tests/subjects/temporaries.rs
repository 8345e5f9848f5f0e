//! Temporaries: blocks freed before their thread allocates again.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

pub(crate) fn main() {
    for _ in 0..1_000 {
        temporary();
    }
    for _ in 0..100 {
        pair();
    }
    let mut kept = black_box(kept());
    subject::agree();
    kept.clear();
    grown();
    subject::agree();

    known!(temporary; total_blocks = 1_000, total_bytes = 16_000, temporary_blocks = 1_000, end_blocks = 0);
    // Of two blocks that live at once, whichever goes first, only the one allocated last is a temporary.
    known!(pair; total_blocks = 200, total_bytes = 100 * (24 + 40), temporary_blocks = 100, end_blocks = 0);
    // The vector stays. Of its ten boxes, freed all at once, each but the last was followed by another block.
    known!(kept; total_blocks = 11, temporary_blocks = 1, end_blocks = 1);
    // The first block ends because the thread allocates anew, by the realloc: it isn't a temporary. The second is.
    known!(grown; total_blocks = 2, realloc_calls = 1, temporary_blocks = 1, end_blocks = 0);
    std::mem::forget(kept);
}

#[inline(never)]
fn temporary() {
    drop(black_box(Vec::<u8>::with_capacity(16)));
    black_box(());
}

#[inline(never)]
fn pair() {
    let first = black_box(Vec::<u8>::with_capacity(24));
    let second = black_box(Vec::<u8>::with_capacity(40));
    drop(first);
    drop(second);
    black_box(());
}

#[inline(never)]
fn kept() -> Vec<Box<u64>> {
    let mut kept = Vec::with_capacity(10);
    for number in 0..10 {
        kept.push(black_box(Box::new(number)));
    }
    kept
}

#[inline(never)]
fn grown() {
    let mut bytes = black_box(Vec::<u8>::with_capacity(10));
    bytes.reserve_exact(20);
    drop(black_box(bytes));
    black_box(());
}
