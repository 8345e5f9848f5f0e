//! *Temporary work*: a buffer is made anew for each of many small things.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// How many, and how large.
const TIMES: usize = 2_000_000;
const SIZE: usize = 32;

/// In the base there is one buffer. The control makes as many as the base, each larger.
pub fn run(variant: Variant) {
    match variant {
        Variant::Base => drop(black_box(line(0))),
        Variant::New => (0..TIMES).for_each(|time| drop(black_box(line(time)))),
        Variant::Control => drop(black_box(vec![1_u8; TIMES])),
    }
    truth!(TIMES * SIZE, line);
}

#[inline(never)]
fn line(value: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(SIZE);
    line.push(value as u8);
    black_box(line)
}
