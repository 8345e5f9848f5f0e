//! *Capacity kept*: a buffer grows as a collection does, is used once as a whole, and then for a few bytes at a time.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the buffer once held: a power of two, so that it's as large as what it held. 16 MiB.
const BYTES: usize = 16 << 20;

/// In the base there is a new buffer each time. In the control the buffer is made smaller after its great day, another was
/// made with the capacity it needs, and a third has not existed for long when the process ends.
pub fn run(variant: Variant) {
    let start = Instant::now();
    let exact = match variant {
        Variant::Control => black_box(exact(BYTES)),
        _ => Vec::new(),
    };
    let mut buffer = black_box(export(BYTES));
    buffer.clear();
    match variant {
        Variant::Base => buffer = Vec::new(),
        Variant::New => {}
        Variant::Control => buffer.shrink_to(1024),
    }
    // Most of the run is still to come, however slow the export was.
    let exported = start.elapsed().max(Duration::from_millis(1));
    while start.elapsed() < exported * 8 {
        std::thread::sleep(exported);
        if variant != Variant::Base {
            buffer.clear();
        }
        buffer.extend_from_slice(black_box(&[1; 64]));
    }
    let late = match variant {
        Variant::Control => black_box(export(BYTES)),
        _ => Vec::new(),
    };
    std::mem::forget(black_box([buffer, exact, late]));
    // Of the buffer 64 bytes are used, but it can't be known which.
    truth!(BYTES, export);
}

/// A buffer that grew to so many bytes, and was filled.
#[inline(never)]
fn export(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    while buffer.len() < bytes {
        buffer.extend_from_slice(black_box(&[7; 256]));
    }
    buffer
}

/// A buffer that was never smaller or larger.
#[inline(never)]
fn exact(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    buffer.reserve_exact(bytes / 2);
    buffer.resize(bytes / 2, 1);
    buffer.reserve_exact(bytes - buffer.len());
    buffer.resize(bytes, 1);
    buffer
}
