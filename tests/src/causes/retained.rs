//! *Retained, not used*: nearly all blocks of a spike are freed, and the allocator keeps their pages.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// Blocks of the spike, and their size: whole pages, and small enough to be carved from the heap. 48 MiB.
const BLOCKS: usize = 6144;
const SIZE: usize = 8 << 10;

/// One of so many stays: the last of all among them, and never 8 MiB without one.
const KEPT: usize = 512;

/// Half as many bytes in one block, which every allocator maps by itself, and gives back when it is freed.
const LARGE: usize = 24 << 20;

type Pages = Box<[u8; SIZE]>;

/// In the base there is no spike. In the control it is as high, but of two large blocks.
pub fn run(variant: Variant) {
    match variant {
        Variant::Base => {}
        Variant::New => {
            let mut number = 0;
            let mut blocks = black_box(spike());
            blocks.retain(|_| {
                number += 1;
                number % KEPT == 0
            });
            std::mem::forget(black_box(blocks));
        }
        Variant::Control => drop(black_box([large(), large()])),
    }
    // glibc gives back only what lies above the last block in use, which stays; it adds 16 bytes to each block. Jemalloc
    // adds nothing; it gives back at once what is free in one piece of 8 MiB, and the rest within ten seconds.
    truth!((BLOCKS - BLOCKS / KEPT) * SIZE, spike);
}

#[inline(never)]
fn spike() -> Vec<Pages> {
    let mut blocks = Vec::with_capacity(BLOCKS);
    for number in 0..BLOCKS {
        blocks.push(black_box(Box::new([number as u8; SIZE])));
    }
    blocks
}

/// A block that is mapped by itself.
#[inline(never)]
fn large() -> Vec<u8> {
    black_box(vec![1; LARGE])
}
