//! *Retained, not used*: a spike of small blocks is freed below a block that stays, and the allocator keeps its pages.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// Blocks of the spike, and their size: whole pages, and small enough to be carved from the heap. 48 MiB.
const BLOCKS: usize = 3072;
const SIZE: usize = 16 << 10;

/// As many bytes in blocks that every allocator maps one by one, and gives back when they are freed.
const LARGE: usize = 24 << 20;

type Page = Box<[u8; SIZE]>;

/// In the base there is no spike. In the control it is as high, but of two large blocks.
pub fn run(variant: Variant) {
    match variant {
        Variant::Base => {}
        Variant::New => drop(black_box(spike())),
        Variant::Control => drop(black_box([large(), large()])),
    }
    // All pages of the spike are free, and glibc gives back nothing but what lies above the last block in use. It adds
    // 16 bytes to each of them; Jemalloc rounds to 16 KiB, and lets a page rest for seconds before it gives it back.
    truth!(BLOCKS * SIZE, spike);
}

/// The spike, with a block above it that stays.
#[inline(never)]
fn spike() -> Vec<Page> {
    let blocks: Vec<Page> = (0..BLOCKS).map(|number| black_box(Box::new([number as u8; SIZE]))).collect();
    std::mem::forget(black_box(Box::new([1_u8; 64])));
    blocks
}

/// A block that is mapped by itself.
#[inline(never)]
fn large() -> Vec<u8> {
    black_box(vec![1; LARGE])
}
