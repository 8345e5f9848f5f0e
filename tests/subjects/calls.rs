//! A block whose stack goes through a generic function, a closure, a trait object, an iterator and a callback
//! from C. The suite looks for exactly this chain, with and without inlining.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

pub(crate) fn main() {
    let bytes = black_box(by_generic(64_u16));
    subject::agree();
    sorted_by_c();
    subject::agree();

    // Three strings of 64, 65 and 66 bytes, and a vector of three.
    known!(by_iterator; total_blocks = 4, total_bytes = 64 + 65 + 66 + 3 * size_of::<Vec<u8>>(), end_blocks = 4);
    // C's `qsort` compares two items at least once, and does so from its own frames.
    known!(sorted_by_c; total_blocks = 1, total_bytes = 48, end_blocks = 0);
    std::mem::forget(bytes);
}

/// What a trait object calls.
trait Maker {
    fn make(&self, size: usize) -> Vec<Vec<u8>>;
}

struct ByTrait;

impl Maker for ByTrait {
    #[inline(never)]
    fn make(&self, size: usize) -> Vec<Vec<u8>> {
        black_box(by_iterator(size))
    }
}

#[inline(never)]
fn by_generic<T: Into<usize>>(size: T) -> Vec<Vec<u8>> {
    let size = size.into();
    black_box(by_closure(&|maker: &dyn Maker| black_box(maker.make(size))))
}

#[inline(never)]
fn by_closure(make: &dyn Fn(&dyn Maker) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    black_box(make(black_box(&ByTrait)))
}

#[inline(never)]
fn by_iterator(size: usize) -> Vec<Vec<u8>> {
    black_box((0..3).map(|more| leaf(size + more)).collect())
}

#[inline(never)]
fn leaf(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(size))
}

#[inline(never)]
fn sorted_by_c() {
    extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
        drop(compared());
        0
    }
    let mut items = [2_u8, 1];
    // SAFETY: the array has two items of one byte, and `compare` reads neither.
    unsafe { libc::qsort(items.as_mut_ptr().cast(), 2, 1, Some(compare)) };
    black_box(items);
}

#[inline(never)]
fn compared() -> Vec<u8> {
    black_box(Vec::with_capacity(48))
}
