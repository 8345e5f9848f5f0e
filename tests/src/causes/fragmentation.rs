//! *Fragmentation*: of many small blocks one in eight stays, so that each page has one.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// Blocks, and their size: eight to a page, whatever the allocator adds. 32 MiB.
const BLOCKS: usize = 64 << 10;
const SIZE: usize = 512;
/// One of so many stays.
const KEPT: usize = 8;

type Row = Box<[u8; SIZE]>;

/// In the base those that don't stay are freed one by one, before the next is made. In the control all are made first, and
/// the first ones stay.
pub fn run(variant: Variant) {
    let mut kept = rows(variant == Variant::Base);
    match variant {
        Variant::Base => {}
        Variant::New => {
            let mut number = 0;
            kept.retain(|_| {
                number += 1;
                number % KEPT == 0
            });
        }
        Variant::Control => kept.truncate(BLOCKS / KEPT),
    }
    std::mem::forget(black_box(kept));
    // Seven of eight blocks are free. glibc adds 16 bytes to each: then there are 7 × 528 = 3,696 free ones between two
    // that are in use, less than a page, so that there is no page without one in use. Jemalloc has them page by page.
    truth!(BLOCKS / KEPT * (KEPT - 1) * SIZE, rows);
}

/// All blocks, or only those that stay.
#[inline(never)]
fn rows(kept_only: bool) -> Vec<Row> {
    let mut rows = Vec::with_capacity(if kept_only { BLOCKS / KEPT } else { BLOCKS });
    for number in 0..BLOCKS {
        let row: Row = black_box(Box::new([number as u8; SIZE]));
        if !kept_only || number % KEPT == 0 {
            rows.push(row);
        }
    }
    rows
}
