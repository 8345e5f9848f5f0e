//! Deep recursion: the stack of the deepest block is 450 frames of one function, and nothing is left out.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

/// How deep the function calls itself. The suite counts the frames.
const DEPTH: u32 = 450;

pub(crate) fn main() {
    let bottom = black_box(descend(DEPTH));
    subject::agree();
    // One block of 1,000 bytes at every depth that is a multiple of 50, and one of 2,000 at the bottom.
    known!(descend; total_blocks = 9 + 1, total_bytes = 9 * 1_000 + 2_000, end_blocks = 1, end_bytes = 2_000);
    known!(bottomed; total_blocks = 1, total_bytes = 2_000, end_blocks = 1);
    std::mem::forget(bottom);
}

#[inline(never)]
fn descend(depth: u32) -> Vec<u8> {
    if depth == 0 {
        return black_box(bottomed());
    }
    let landing = depth.is_multiple_of(50).then(|| black_box(Vec::<u8>::with_capacity(1_000)));
    let bottom = descend(black_box(depth - 1));
    drop(black_box(landing));
    black_box(bottom)
}

#[inline(never)]
fn bottomed() -> Vec<u8> {
    black_box(Vec::with_capacity(2_000))
}
