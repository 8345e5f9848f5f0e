//! *Fragmentation*: of many small blocks one in eight stays, so that each page has one.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// Blocks, and their size: eight to a page, whatever the allocator adds. 32 MiB.
const BLOCKS: usize = 64 << 10;
const SIZE: usize = 512;
/// One of so many stays.
const KEPT: usize = 8;

/// The same in blocks of many pages, yet not so large that they are mapped one by one.
const LARGE_SIZE: usize = 112 << 10;
const LARGE_BLOCKS: usize = BLOCKS * SIZE / LARGE_SIZE;

/// In the base the first blocks stay, in the new run one of eight. In the control as well, but the blocks are so large that
/// between two of them most pages are free as a whole.
pub fn run(variant: Variant) {
    match variant {
        Variant::Base => {
            let mut rows = black_box(rows());
            rows.truncate(BLOCKS / KEPT);
            std::mem::forget(rows);
        }
        Variant::New => std::mem::forget(one_in_eight(black_box(rows()))),
        Variant::Control => std::mem::forget(one_in_eight(black_box(large()))),
    }
    // Seven of eight blocks are free. glibc adds 16 bytes to each: then there are 7 × 528 = 3,696 free ones between two
    // that are in use, less than a page, so that there is no page without one in use. Jemalloc has them page by page.
    truth!(BLOCKS / KEPT * (KEPT - 1) * SIZE, self::rows);
}

fn one_in_eight<T>(mut blocks: Vec<T>) -> Vec<T> {
    let mut number = 0;
    blocks.retain(|_| {
        number += 1;
        number % KEPT == 0
    });
    blocks
}

#[inline(never)]
fn rows() -> Vec<Box<[u8; SIZE]>> {
    let mut rows = Vec::with_capacity(BLOCKS);
    for number in 0..BLOCKS {
        rows.push(black_box(Box::new([number as u8; SIZE])));
    }
    rows
}

#[inline(never)]
fn large() -> Vec<Vec<u8>> {
    let mut blocks = Vec::with_capacity(LARGE_BLOCKS);
    for number in 0..LARGE_BLOCKS {
        blocks.push(black_box(vec![number as u8 | 1; LARGE_SIZE]));
    }
    blocks
}
