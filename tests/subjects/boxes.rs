//! Boxes: allocated, half of them dropped, the rest leaked.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

type Crate = Box<[u64; 64]>;

pub(crate) fn main() {
    let mut boxes = black_box(hundred_boxes());
    subject::agree();
    boxes.truncate(50);
    subject::agree();
    std::mem::forget(boxes);
    drop(black_box(one_box()));
    subject::agree();

    // A vector of 100 pointers of 8 bytes, and 100 boxes of 64 × 8 = 512. All are live at once, which is the
    // peak of this process: nothing else in it comes near 52,000 bytes. 50 boxes and the vector stay. Of the
    // 50 that are dropped, the last was also the last to be allocated.
    known!(hundred_boxes;
        total_blocks = 1 + 100,
        total_bytes = 800 + 100 * 512,
        peak_blocks = 1 + 100,
        peak_bytes = 800 + 100 * 512,
        end_blocks = 1 + 50,
        end_bytes = 800 + 50 * 512,
        temporary_blocks = 1,
        realloc_calls = 0,
    );
    // One box that comes and goes when the peak is over.
    known!(one_box; total_blocks = 1, total_bytes = 512, peak_blocks = 0, end_blocks = 0, temporary_blocks = 1);
}

#[inline(never)]
fn hundred_boxes() -> Vec<Crate> {
    let mut boxes = Vec::with_capacity(100);
    for number in 0..100 {
        boxes.push(black_box(Box::new([number; 64])));
    }
    boxes
}

#[inline(never)]
fn one_box() -> Crate {
    black_box(Box::new([1; 64]))
}
