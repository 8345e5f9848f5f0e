//! *Many small blocks*: what glibc adds to each is more than what it holds.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// Blocks of a number each. glibc's least chunk has 32 bytes, 8 of which are asked for.
const BLOCKS: usize = 200_000;
const ADDED: usize = 24;
/// Blocks of the control, to which next to nothing is added.
const LARGE: usize = 4_000;

/// The base has one block of them all. The control has as many bytes in all, in fewer blocks.
pub fn run(variant: Variant) {
    match variant {
        Variant::Base => std::mem::forget(black_box(vec![7_u64; BLOCKS])),
        Variant::New => {
            std::mem::forget((0..BLOCKS as u64).map(|value| black_box(boxed(value))).collect::<Vec<_>>());
        }
        Variant::Control => {
            std::mem::forget((0..LARGE).map(|_| black_box(vec![7_u8; 2048])).collect::<Vec<_>>());
        }
    }
    truth!(BLOCKS * ADDED, boxed);
}

#[inline(never)]
fn boxed(value: u64) -> Box<u64> {
    let boxed = Box::new(value);
    black_box(boxed)
}
