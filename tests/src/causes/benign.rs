//! *No concern*: buffers are kept to be used again, rather than made anew for each request.

use super::Variant;
use crate::truth;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

/// Requests, and how many of them are under way at the same time.
const REQUESTS: usize = 8_000;
const BUFFERS: usize = 256;
/// What a request needs.
const SIZE: usize = 64 << 10;

/// In the base each request makes its own buffer, and frees it. In the new run there are 256, and a request takes the one
/// that has rested longest. In the control they are kept as well, but each request makes one first.
pub fn run(variant: Variant) {
    let mut idle: VecDeque<Vec<u8>> = VecDeque::with_capacity(2 * BUFFERS);
    for request in 0..REQUESTS {
        let mut buffer = match variant {
            Variant::New if idle.len() >= BUFFERS => idle.pop_front().unwrap_or_default(),
            _ => black_box(buffer()),
        };
        buffer.fill(request as u8);
        handle(request, &buffer);
        match variant {
            Variant::Base => drop(buffer),
            Variant::New | Variant::Control => idle.push_back(buffer),
        }
        idle.truncate(BUFFERS);
        if request % 50 == 0 {
            // For the timeline to have some samples, however fast the machine is.
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    std::mem::forget(black_box(idle));
    truth!(BUFFERS * SIZE, buffer);
}

#[inline(never)]
fn buffer() -> Vec<u8> {
    vec![0; SIZE]
}

/// What is the same in each variant: by its blocks it can be seen that they did the same work.
#[inline(never)]
fn handle(request: usize, buffer: &[u8]) -> usize {
    let fields: Vec<String> = (0..4).map(|field| black_box(format!("{request} {field}"))).collect();
    fields.iter().map(String::len).sum::<usize>() + buffer.len()
}
