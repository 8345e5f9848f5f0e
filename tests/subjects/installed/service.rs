//! A service that has nothing to do but to be looked at: `installed service STACKS` makes a live block of 48 bytes under each of
//! so many stacks, prints its figures, and then allocates on another thread until its input ends.

use alloc_probe_tests::subject;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

static DONE: AtomicBool = AtomicBool::new(false);

pub(crate) fn main() {
    let stacks = subject::arguments().next().and_then(|stacks| stacks.parse().ok()).unwrap_or(100);
    let mut kept: Vec<Box<[u8; 48]>> = Vec::with_capacity(stacks);
    for path in 0..stacks {
        descend(path, 17, &mut kept);
    }
    let busy =
        subject::arguments().nth(1).is_some_and(|busy| busy == "busy").then(|| std::thread::spawn(work));
    // Both streams take a buffer at first; after that, nothing is allocated.
    let mut input = std::io::stdin();
    println!("ready");
    alloc_probe::mark("ready");
    let stats = alloc_probe::stats();
    println!("{} {} {}", stats.live_bytes, stats.live_blocks, stats.total_blocks);
    let mut byte = [0];
    while matches!(input.read(&mut byte), Ok(1)) {}
    DONE.store(true, SeqCst);
    let longest = busy.map_or(0, |busy| busy.join().unwrap_or_default());
    println!("{longest}");
    let _ = std::io::stdout().flush();
    drop(black_box(kept));
}

/// Allocates for ever; returns the longest that an allocation has taken with its free, in nanoseconds.
#[inline(never)]
fn work() -> u128 {
    let mut longest = 0;
    while !DONE.load(SeqCst) {
        let start = std::time::Instant::now();
        drop(black_box(Box::new([0u8; 100])));
        longest = longest.max(start.elapsed().as_nanos());
    }
    longest
}

// Two functions, so that every path of calls is a stack of its own.
#[inline(never)]
fn left(path: usize, depth: u32, kept: &mut Vec<Box<[u8; 48]>>) -> usize {
    descend(path, depth, kept) + 1
}

#[inline(never)]
fn right(path: usize, depth: u32, kept: &mut Vec<Box<[u8; 48]>>) -> usize {
    descend(path, depth, kept) + 2
}

#[inline(never)]
fn descend(path: usize, depth: u32, kept: &mut Vec<Box<[u8; 48]>>) -> usize {
    if depth == 0 {
        kept.push(black_box(Box::new([1; 48])));
        return kept.len();
    }
    let further = if path >> (depth - 1) & 1 == 0 { left } else { right };
    black_box(further)(path, depth - 1, kept)
}
