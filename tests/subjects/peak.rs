//! A heap with two summits: each site has its share of the higher one, and nothing else.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

pub(crate) fn main() {
    let mut ridge = black_box(ridge());
    subject::agree();
    ridge.truncate(100);
    let summit = black_box(summit());
    subject::agree();
    drop(summit);
    let meadow = black_box(meadow());
    // The way down and up again, lower than the summit: it moves no peak.
    drop(black_box(hill()));
    subject::agree();

    // A vector of 1,000 pointers and 1,000 blocks of 1 KiB, of which 100 are left when the summit is reached.
    known!(ridge;
        total_blocks = 1 + 1_000,
        total_bytes = 8_000 + 1_000 * 1_024,
        peak_blocks = 1 + 100,
        peak_bytes = 8_000 + 100 * 1_024,
        end_blocks = 1 + 100,
        end_bytes = 8_000 + 100 * 1_024,
    );
    // 500 blocks of 4 KiB and their vector, all of them live at the peak of the process, none in the end.
    known!(summit;
        total_blocks = 1 + 500,
        total_bytes = 4_000 + 500 * 4_096,
        peak_blocks = 1 + 500,
        peak_bytes = 4_000 + 500 * 4_096,
        end_blocks = 0,
        end_bytes = 0,
    );
    // Allocated after the peak.
    known!(meadow; total_blocks = 1 + 10, total_bytes = 80 + 10 * 1_000, peak_blocks = 0, end_blocks = 1 + 10);
    known!(hill; total_blocks = 1, total_bytes = 1_500_000, peak_blocks = 0, peak_bytes = 0, end_blocks = 0);
    std::mem::forget((ridge, meadow));
}

#[inline(never)]
fn ridge() -> Vec<Box<[u8; 1_024]>> {
    boxes(1_000, [1; 1_024])
}

#[inline(never)]
fn summit() -> Vec<Box<[u8; 4_096]>> {
    boxes(500, [2; 4_096])
}

#[inline(never)]
fn meadow() -> Vec<Box<[u8; 1_000]>> {
    boxes(10, [3; 1_000])
}

#[inline(never)]
fn hill() -> Vec<u8> {
    black_box(Vec::with_capacity(1_500_000))
}

fn boxes<T: Copy>(count: usize, content: T) -> Vec<Box<T>> {
    let mut boxes = Vec::with_capacity(count);
    for _ in 0..count {
        boxes.push(black_box(Box::new(content)));
    }
    black_box(boxes)
}
