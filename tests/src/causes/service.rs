//! A service with a leak, a cache that filled and settled, a spike that is over, and a pool of threads: all at once.

use super::Variant;
use super::pace::Pace;
use crate::truth;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Requests, and how long after each the next one comes: a second in all.
const REQUESTS: usize = 4_000;
const REQUEST: Duration = Duration::from_micros(250);
/// What a request leaves behind.
const LEFT: usize = 1 << 10;
/// What the cache holds for each of the first requests.
const ENTRY: usize = 8 << 10;
const ENTRIES: usize = REQUESTS / 10;
/// The spike: 24 MiB, of which one block in so many stays.
const BLOCKS: usize = 3_072;
const BLOCK: usize = 8 << 10;
const KEPT: usize = 512;
const WORKERS: usize = 4;

/// The control serves the same requests, and nobody forgets anything. With the variable `WAITS` it goes on waiting
/// at its end.
pub fn run(variant: Variant) {
    let pool: Vec<_> = (0..WORKERS)
        .map(|number| {
            let (to, from) = mpsc::channel::<usize>();
            let work = move || from.iter().for_each(|request| drop(black_box(vec![request; 100])));
            thread::Builder::new().name(format!("worker-{number}")).spawn(work).expect("a thread");
            to
        })
        .collect();
    let mut cache = Vec::with_capacity(ENTRIES);
    let mut pace = Pace::of(REQUEST);
    for request in 0..REQUESTS {
        let session = black_box(session(request));
        if variant == Variant::New {
            std::mem::forget(session);
        }
        if cache.len() < ENTRIES {
            cache.push(black_box(entry(request)));
        }
        if request == REQUESTS / 3 && variant == Variant::New {
            let mut number = 0;
            let mut blocks = black_box(batch());
            blocks.retain(|_| {
                number += 1;
                number % KEPT == 0
            });
            std::mem::forget(black_box(blocks));
        }
        pool[request % WORKERS].send(request).expect("a worker");
        pace.wait_for(request);
    }
    pace.tell();
    truth!(REQUESTS * LEFT, session);
    // What requests left behind after the spike lies in its memory.
    truth!((BLOCKS - BLOCKS / KEPT) * BLOCK - (REQUESTS - REQUESTS / 3) * LEFT, batch);
    std::io::stdout().flush().expect("a pipe");
    if variant == Variant::Base {
        return;
    }
    if std::env::var_os("WAITS").is_some() {
        loop {
            thread::park();
        }
    }
    std::mem::forget((black_box(cache), pool));
}

#[inline(never)]
fn session(request: usize) -> Box<[u8; LEFT]> {
    let session = Box::new([request as u8; LEFT]);
    black_box(session)
}

#[inline(never)]
fn entry(request: usize) -> Box<[u8; ENTRY]> {
    let entry = Box::new([request as u8; ENTRY]);
    black_box(entry)
}

#[inline(never)]
fn batch() -> Vec<Box<[u8; BLOCK]>> {
    let mut blocks = Vec::with_capacity(BLOCKS);
    for number in 0..BLOCKS {
        blocks.push(black_box(Box::new([number as u8 ^ 1; BLOCK])));
    }
    blocks
}
