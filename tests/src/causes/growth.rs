//! *Growth without end*: each request leaves a block behind.

use super::Variant;
use super::pace::Pace;
use crate::truth;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

/// Requests, and how long after each the next one comes: half a second in all.
const REQUESTS: usize = 2_000;
const REQUEST: Duration = Duration::from_micros(250);
/// What a request makes.
const SIZE: usize = 4 << 10;
/// What the caches of the control hold.
const CACHED: usize = REQUESTS / 10;

type Page = Box<[u8; SIZE]>;

/// In the base each request frees its block, in the new run none does. In the control one cache fills in the first tenth
/// of the run and keeps what it has, and another has the blocks of the last tenth.
pub fn run(variant: Variant) {
    let mut filled: Vec<Page> = Vec::with_capacity(CACHED);
    let mut latest: VecDeque<Page> = VecDeque::with_capacity(CACHED);
    let mut pace = Pace::of(REQUEST);
    for request in 0..REQUESTS {
        let page = black_box(remember(request));
        match variant {
            Variant::Base => drop(page),
            Variant::New => std::mem::forget(page),
            Variant::Control => {
                if filled.len() < CACHED {
                    filled.push(black_box(entry(request)));
                }
                if latest.len() == CACHED {
                    latest.pop_front();
                }
                latest.push_back(page);
            }
        }
        pace.wait_for(request);
    }
    std::mem::forget(black_box((filled, latest)));
    pace.tell();
    truth!(REQUESTS * SIZE, remember);
}

#[inline(never)]
fn remember(request: usize) -> Page {
    let page = Box::new([request as u8; SIZE]);
    black_box(page)
}

/// Not the same code as the other: a compiler makes one function of two that are equal.
#[inline(never)]
fn entry(request: usize) -> Page {
    let page = Box::new([request as u8 ^ 1; SIZE]);
    black_box(page)
}
