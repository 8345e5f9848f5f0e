//! Scenarios that leave the heap in a state whose figures are known. What they keep is never freed.

use crate::subject;
use std::hint::black_box;
use std::mem::forget;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const MIB: usize = 1 << 20;

/// Runs the scenario that the first of the subject's arguments names.
pub fn run() {
    let name = subject::arguments().next().unwrap_or_default();
    match name.as_str() {
        "reserved" => reserved(),
        "sparse" => sparse(),
        "spike" => spike(),
        "foreign" => foreign(),
        "threads" => threads(),
        "small" => small(1_500_000),
        "pool" => pool(),
        "churn" => churn(),
        _ => eprintln!("no scenario `{name}`"),
    }
}

/// A block of 64 MiB, of which the first quarter is written to.
fn reserved() {
    let mut block: Vec<u8> = Vec::with_capacity(64 * MIB);
    block.resize(16 * MIB, 1);
    forget(black_box(block));
}

/// 100,000 blocks of 64 bytes, of which every 64th is left.
fn sparse() {
    let blocks: Vec<Box<[u8; 64]>> = (0..100_000).map(|_| black_box(Box::new([1; 64]))).collect();
    for (index, block) in blocks.into_iter().enumerate() {
        if index % 64 == 0 {
            forget(block);
        }
    }
}

/// 200 MB in small blocks, all freed, below one that is kept.
fn spike() {
    let blocks: Vec<Box<[u8; 1000]>> = (0..200_000).map(|_| black_box(Box::new([1; 1000]))).collect();
    forget(black_box(Box::new([1u8; 1000])));
    drop(blocks);
}

/// 32 MB that C's `malloc` gave, 16 of them in one block.
fn foreign() {
    for (blocks, bytes) in [(1, 16_000_000), (16_000, 1000)] {
        for _ in 0..blocks {
            // SAFETY: so many bytes are there to be written to.
            unsafe { libc::memset(black_box(libc::malloc(bytes)), 1, bytes) };
        }
    }
}

/// Four threads with 5 MB each in blocks of 100 to 1,100 bytes, every other of which is freed by another thread.
fn threads() {
    // None ends before all have begun, or its arena would be the next one's.
    static ALL: Barrier = Barrier::new(4);
    let own = || -> Vec<Vec<u8>> {
        let blocks = (0..10_000).map(|i| black_box(vec![1; 100 + i % 1000])).collect();
        ALL.wait();
        blocks
    };
    let workers: Vec<_> = (0..4).map(|_| std::thread::spawn(own)).collect();
    for worker in workers {
        for (index, block) in worker.join().expect("it ends well").into_iter().enumerate() {
            if index % 2 == 0 {
                forget(block);
            }
        }
    }
}

/// So many blocks of 1 to 1,024 bytes.
fn small(count: usize) {
    for i in 0..count {
        forget(black_box(vec![1u8; 1 + i % 1024]));
    }
}

/// Chunks of many sizes by several arenas, of which some are freed, and glibc's own figures of them:
/// `mallinfo HEAPS IN_USE FREE MAPPED`.
fn pool() {
    println!("what glibc says follows");
    threads();
    forget(black_box(vec![1u8; MIB]));
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it has no preconditions.
        let info = unsafe { libc::mallinfo2() };
        println!("mallinfo {} {} {} {}", info.arena, info.uordblks, info.fordblks, info.hblkhd);
    }
}

/// Three threads allocate and free all the time, while ten dumps are taken, to the paths that the arguments after the
/// scenario name.
fn churn() {
    static DONE: AtomicBool = AtomicBool::new(false);
    static FILLED: Barrier = Barrier::new(4);
    let work = |seed: usize| {
        let mut kept: Vec<Vec<u8>> = (0..1000).map(|i| vec![1; 1 + i * 7 % 3000]).collect();
        FILLED.wait();
        let mut random = seed;
        while !DONE.load(Relaxed) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (place, bytes) = ((random >> 33) % kept.len(), 1 + (random >> 40) % 3000);
            kept[place] = black_box(vec![1; if random >> 33 & 0x3fff == 0 { bytes * 100 } else { bytes }]);
        }
    };
    let workers: Vec<_> = (0..3).map(|seed| std::thread::spawn(move || work(seed))).collect();
    FILLED.wait();
    for path in subject::arguments().skip(1) {
        alloc_probe::dump(path).expect("it is written");
    }
    DONE.store(true, Relaxed);
    workers.into_iter().for_each(|worker| worker.join().expect("it ends well"));
}
