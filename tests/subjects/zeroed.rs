//! Zeroed memory: asked for as such, and zero.

use alloc_probe_tests::reference::{self, Call, Kind};
use alloc_probe_tests::{known, subject};
use std::hint::black_box;

const SIZE: usize = 1 << 20;

pub(crate) fn main() {
    // Fills memory with something else and gives it back, for the allocator to hand out again.
    drop(black_box(vec![0xaa_u8; SIZE / 64]));
    let (small, calls) = reference::log(|| black_box(zeroed(SIZE / 64)));
    assert!(small.iter().all(|byte| *byte == 0));
    // The probe forwards the call as what it is, so that the allocator can take fresh pages as zero.
    let zeroed_call = |size| Call { kind: Kind::AllocZeroed, size, align: 1, new_size: 0 };
    assert_eq!(calls, [zeroed_call(SIZE / 64)]);

    let (large, calls) = reference::log(|| black_box(zeroed(SIZE)));
    assert!(large.iter().all(|byte| *byte == 0));
    assert_eq!(calls, [zeroed_call(SIZE)]);
    subject::agree();

    known!(zeroed;
        total_blocks = 2,
        total_bytes = SIZE / 64 + SIZE,
        peak_bytes = SIZE / 64 + SIZE,
        end_blocks = 1,
        end_bytes = SIZE,
        realloc_calls = 0,
    );
    drop(small);
    std::mem::forget(large);
}

#[inline(never)]
fn zeroed(size: usize) -> Vec<u8> {
    black_box(vec![0; size])
}
