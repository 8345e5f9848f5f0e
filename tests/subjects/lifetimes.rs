//! Blocks that live for a known least time, for the figures that depend on it.

use alloc_probe_tests::known;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// The suite knows this number too.
const NAP: Duration = Duration::from_millis(50);

pub(crate) fn main() {
    let early = black_box(early());
    let held = black_box(held());
    thread::sleep(NAP);
    drop(held);
    let late = black_box(late());

    known!(early; total_blocks = 1, total_bytes = 3_000, end_blocks = 1);
    known!(held; total_blocks = 1, total_bytes = 5_000, end_blocks = 0);
    known!(late; total_blocks = 1, total_bytes = 7_000, end_blocks = 1);
    std::mem::forget((early, late));
}

#[inline(never)]
fn early() -> Vec<u8> {
    black_box(Vec::with_capacity(3_000))
}

#[inline(never)]
fn held() -> Vec<u8> {
    black_box(Vec::with_capacity(5_000))
}

#[inline(never)]
fn late() -> Vec<u8> {
    black_box(Vec::with_capacity(7_000))
}
