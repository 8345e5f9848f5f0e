//! A leak that goes on until the system has no more memory for it.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

/// Requests, and how long each takes at least: so that what it leaves comes to 256 MiB in no less than two seconds.
const REQUESTS: usize = 1 << 15;
const REQUEST: Duration = Duration::from_micros(500);
/// What a request leaves behind, and what it gives back.
const LEFT: usize = 48 << 10;
const FREED: usize = 24 << 10;

/// It ends by itself where it may have 1.5 GiB, and leaks nothing in the control.
pub fn run(variant: Variant) {
    truth!(LEFT, forgotten);
    std::io::stdout().flush().expect("a pipe");
    for request in 0..REQUESTS {
        drop(black_box(vec![request as u8; FREED]));
        let block = black_box(forgotten(request));
        if variant != Variant::Control {
            std::mem::forget(block);
        }
        thread::sleep(REQUEST);
    }
}

#[inline(never)]
fn forgotten(request: usize) -> Vec<u8> {
    let block = vec![request as u8 | 1; LEFT];
    black_box(block)
}
