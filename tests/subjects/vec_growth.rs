//! A vector that grows by reallocation, and one that shrinks.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

pub(crate) fn main() {
    let numbers = black_box(grown_by_push());
    subject::agree();
    let text = black_box(grown_and_shrunk());
    subject::agree();

    // Capacities of a `Vec<u64>` that is pushed to: 4, then twice the last, to 131,072 for 100,000 numbers.
    // That is 4 × 2^k for k = 0 to 15: 16 blocks, the first from `alloc` and 15 from `realloc`, with
    // 8 × 4 × (2^16 − 1) bytes. The last one, 8 × 131,072 bytes, is all that is live in the end, and at the
    // peak: a realloc never counts the old and the new size at once.
    known!(grown_by_push;
        total_blocks = 16,
        total_bytes = 8 * 4 * 65_535,
        realloc_calls = 15,
        peak_blocks = 1,
        peak_bytes = 8 * 131_072,
        end_blocks = 1,
        end_bytes = 8 * 131_072,
        temporary_blocks = 0,
    );
    // 5,000 bytes of capacity, of which 4 are used, are shrunk to those 4 by one realloc.
    known!(grown_and_shrunk;
        total_blocks = 2,
        total_bytes = 5_000 + 4,
        realloc_calls = 1,
        end_blocks = 1,
        end_bytes = 4,
    );
    std::mem::forget((numbers, text));
}

#[inline(never)]
fn grown_by_push() -> Vec<u64> {
    let mut numbers = Vec::new();
    for number in 0..100_000 {
        numbers.push(black_box(number));
    }
    numbers
}

#[inline(never)]
fn grown_and_shrunk() -> String {
    let mut text = black_box(String::with_capacity(5_000));
    text.push_str("four");
    text.shrink_to_fit();
    black_box(text)
}
