//! *Longer lives*: what was read is dropped when it has been used, or not before the end.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

/// Parts that are read one after the other, and their size: so large that every allocator maps them by themselves.
const PARTS: usize = 24;
const SIZE: usize = 1 << 20;

/// How long a part is worked on at least.
const WORK: Duration = Duration::from_millis(2);

/// In the base each part is dropped before the next one is read, in the new run all of them live on. In the control there
/// are twice as many parts, each of which lives as long as in the base.
pub fn run(variant: Variant) {
    let start = Instant::now();
    let mut kept = Vec::with_capacity(PARTS);
    let parts = if variant == Variant::Control { 2 * PARTS } else { PARTS };
    for number in 0..parts {
        let part = black_box(read(number));
        thread::sleep(WORK);
        if variant == Variant::New {
            kept.push(part);
        }
    }
    // However slow the machine is: all that is kept is there for half of the run.
    thread::sleep(start.elapsed());
    std::mem::forget(black_box(kept));
    // One of them is live in the base as well.
    truth!((PARTS - 1) * SIZE, read);
}

#[inline(never)]
fn read(number: usize) -> Vec<u8> {
    let part = vec![number as u8 + 1; SIZE];
    black_box(part)
}
