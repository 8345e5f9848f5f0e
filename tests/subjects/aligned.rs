//! Blocks with more alignment than an allocator gives by itself, which it places and resizes in other ways.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;

#[repr(align(4096))]
struct Page([u8; 4096]);

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u8; 64]);

pub(crate) fn main() {
    let pages = black_box(ten_pages());
    assert!(pages.iter().all(|page| (&raw const page.0).addr().is_multiple_of(4096)));
    let lines = black_box(ten_lines());
    assert!(lines.as_ptr().addr().is_multiple_of(64));
    assert!(
        lines.iter().enumerate().all(|(number, line)| line.0.iter().all(|byte| usize::from(*byte) == number))
    );
    subject::agree();
    drop(lines);
    subject::agree();

    // 10 pages, and a vector of 10 pointers.
    known!(ten_pages; total_blocks = 11, total_bytes = 40_960 + 80, end_blocks = 11, end_bytes = 40_960 + 80);
    // A vector of 64-byte lines that grows to hold 10: 4, 8, 16 lines, by one alloc and two reallocs.
    known!(ten_lines; total_blocks = 3, total_bytes = 64 * (4 + 8 + 16), realloc_calls = 2, end_blocks = 0);
    std::mem::forget(pages);
}

#[inline(never)]
fn ten_pages() -> Vec<Box<Page>> {
    let mut pages = Vec::with_capacity(10);
    for number in 0..10 {
        pages.push(black_box(Box::new(Page([number; 4096]))));
    }
    pages
}

#[inline(never)]
fn ten_lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for number in 0..10 {
        lines.push(black_box(Line([number; 64])));
    }
    lines
}
