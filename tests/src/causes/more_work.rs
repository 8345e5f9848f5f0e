//! *More work*: three times the rows, all of which are kept; and a loop that ends early where arithmetic is checked.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::panic;

/// The rows of the base, and how many times as many the new run has.
const ROWS: usize = 8;
const TIMES: usize = 3;
/// What a row holds.
const SIZE: usize = 1 << 20;

/// In the new run there are three times as many rows. In the control there are as many, each three times as large.
pub fn run(variant: Variant) {
    let (rows, size) = match variant {
        Variant::Base => (ROWS, SIZE),
        Variant::New => (TIMES * ROWS, SIZE),
        Variant::Control => (ROWS, TIMES * SIZE),
    };
    let kept: Vec<Vec<u8>> = (0..rows).map(|number| black_box(row(number, size))).collect();
    std::mem::forget(black_box(kept));
    truth!((TIMES - 1) * ROWS * SIZE, row);
}

/// A sum of eight bits overflows at the ninth row: in the base, which is built with checks, that is a panic, and the
/// loop is over; the new run wraps around and goes on. In the control the loop ends where it would overflow.
pub fn panicked(variant: Variant) {
    // Eight rows of 31 are 248, nine are 279.
    const EACH: u8 = 31;
    let mut kept = Vec::with_capacity(TIMES * ROWS);
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let mut sum = 0_u8;
        for number in 0..TIMES * ROWS {
            if variant == Variant::Control && sum.checked_add(EACH).is_none() {
                break;
            }
            sum = add(sum, EACH);
            kept.push(black_box(row(number, SIZE)));
        }
    }));
    assert!(ended.is_ok() || variant == Variant::Base);
    std::mem::forget(black_box(kept));
    truth!((TIMES - 1) * ROWS * SIZE, row);
}

#[inline(never)]
fn row(number: usize, size: usize) -> Vec<u8> {
    let row = vec![number as u8 + 1; size];
    black_box(row)
}

#[inline(never)]
fn add(sum: u8, value: u8) -> u8 {
    black_box(sum) + black_box(value)
}
