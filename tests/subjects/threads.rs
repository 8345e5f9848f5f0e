//! Threads: named ones, blocks freed by others than made them, and many that are soon over.

use alloc_probe_tests::known;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

pub(crate) fn main() {
    let (send, receive) = mpsc::channel();
    let makers = (0..4)
        .map(|number| {
            let send = send.clone();
            let body = move || {
                let mut boxes = exactly(1_001, 8_000 + 64_000, 0, make);
                // 400 are freed by the thread that allocated them, 600 are handed over and freed elsewhere.
                exactly(0, 0, 400, || boxes.truncate(600));
                send.send(boxes).expect("the main thread listens");
            };
            thread::Builder::new().name(format!("maker-{number}")).spawn(body).expect("a thread")
        })
        .collect::<Vec<_>>();
    drop(send);
    let gathered = receive.iter().collect::<Vec<_>>();
    for maker in makers {
        maker.join().expect("a maker ends well");
    }
    // 600 boxes from each of the four, their four vectors, and the vector of these.
    exactly(0, 0, 4 * 600 + 4 + 1, || drop(gathered));

    for _ in 0..200 {
        thread::Builder::new()
            .name("brief".into())
            .spawn(brief)
            .expect("a thread")
            .join()
            .expect("it ends well");
    }
    // 64 at a time, all of which free what the main thread allocated.
    let crowd = (0..64)
        .map(|_| {
            let block = black_box(given());
            thread::Builder::new().name("crowd".into()).spawn(move || drop(block)).expect("a thread")
        })
        .collect::<Vec<_>>();
    for thread in crowd {
        thread.join().expect("it ends well");
    }

    // 4 threads, each a vector of 1,000 pointers and 1,000 boxes of 64 bytes.
    known!(make; total_blocks = 4 * 1_001, total_bytes = 4 * (8_000 + 64_000), end_blocks = 0, end_bytes = 0);
    known!(brief; total_blocks = 200 * 10, total_bytes = 200 * 10 * 32, end_blocks = 200, end_bytes = 200 * 32);
    known!(given; total_blocks = 64, total_bytes = 64 * 100, end_blocks = 0, realloc_calls = 0);
}

/// Runs `work` and asserts what this thread allocated and freed meanwhile, whatever the others do.
fn exactly<T>(blocks: u64, bytes: u64, freed: u64, work: impl FnOnce() -> T) -> T {
    let before = alloc_probe::thread_stats();
    let value = work();
    let after = alloc_probe::thread_stats();
    assert_eq!(after.total_blocks - before.total_blocks, blocks);
    assert_eq!(after.total_bytes - before.total_bytes, bytes);
    assert_eq!(after.freed_blocks - before.freed_blocks, freed);
    value
}

#[inline(never)]
fn make() -> Vec<Box<[u64; 8]>> {
    let mut boxes = Vec::with_capacity(1_000);
    for number in 0..1_000 {
        boxes.push(black_box(Box::new([number; 8])));
    }
    boxes
}

/// Ten blocks, of which one is lost.
#[inline(never)]
fn brief() {
    alloc_probe::mark("brief");
    for number in 0..10_u64 {
        let block = black_box(Box::new([number; 4]));
        if number == 0 {
            std::mem::forget(block);
        }
    }
    black_box(());
}

#[inline(never)]
fn given() -> Vec<u8> {
    black_box(Vec::with_capacity(100))
}
