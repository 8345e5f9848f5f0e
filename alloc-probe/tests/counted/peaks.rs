//! The peak of several threads: within a bound of what an allocator finds that counts every event in one place.

use crate::support::child::Child;
use crate::support::figures::{agree, are_true_but_for_the_peak};
use crate::support::truth::Counted;
use crate::support::{Cases, cases};
use alloc_probe_format::dump::Dump;
use std::hint::black_box;
use std::sync::Barrier;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        threads_that_grow_together,
        a_thread_that_grows_unseen,
        threads_that_grow_and_shrink_at_random,
        blocks_that_others_free,
        an_old_peak_stands,
        a_thread_that_waits_has_its_part,
    ],
    scenarios: cases![grow_together, grows_unseen, at_random, hands_over, shrinks, waits],
};

const THREADS: usize = 8;
const MIB: usize = 1 << 20;

/// Runs the same on all threads, with a barrier for them.
fn on_threads(work: impl Fn(usize, &Barrier) + Sync) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let (work, barrier) = (&work, &barrier);
                    move || work(number, barrier)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    });
    Counted::tell_at_exit();
}

fn blocks(count: usize, size: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| black_box(Vec::with_capacity(size))).collect()
}

/// All have their most at one time, and twice as often some.
fn grow_together() {
    on_threads(|number, barrier| {
        for round in 1..=3 {
            let kept = blocks(round * 1000 + number * 10, 1000);
            barrier.wait();
            drop(black_box(kept));
            barrier.wait();
        }
    });
}

/// After a peak that is over there is much that threads may grow by without telling. One does, by as much as there is,
/// and then another, so that there is a new peak.
fn grows_unseen() {
    drop(black_box(blocks(64, MIB)));
    on_threads(|number, barrier| {
        for turn in 0..THREADS {
            if turn == number {
                // In small steps, as they are the ones that are not told.
                blocks(9000, 1000).leak();
            }
            barrier.wait();
        }
    });
}

/// Every thread's share of the heap wanders about.
fn at_random() {
    on_threads(|number, barrier| {
        let mut seed = number as u64 + 1;
        let mut kept = Vec::with_capacity(2000);
        barrier.wait();
        for _ in 0..30_000 {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let (choice, size) = ((seed >> 33) as usize, 1 + (seed >> 50) as usize % 300);
            if choice % 2000 < kept.len() {
                kept.swap_remove(choice % kept.len());
            } else {
                kept.push(black_box(Vec::<u8>::with_capacity(size)));
            }
        }
    });
}

/// Half of the threads allocate what the other half frees, so that theirs falls below zero.
fn hands_over() {
    let pairs: Vec<_> = (0..THREADS / 2).map(|_| std::sync::mpsc::sync_channel::<Vec<u8>>(100)).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let ends = std::sync::Mutex::new((senders, receivers));
    on_threads(|number, _| {
        let mut ends = ends.lock().expect("nobody panics");
        if number % 2 == 0 {
            let sender = ends.0.pop().expect("one for each");
            drop(ends);
            (0..20_000).for_each(|_| sender.send(black_box(Vec::with_capacity(3000))).expect("it listens"));
        } else {
            let receiver = ends.1.pop().expect("one for each");
            drop(ends);
            receiver.iter().for_each(drop);
        }
    });
}

/// The peak is one thread's, long over when others come.
fn shrinks() {
    drop(black_box(blocks(10_000, 5000)));
    on_threads(|_, barrier| {
        barrier.wait();
        drop(black_box(blocks(1000, 1000)));
    });
}

/// The first thread has most of the heap, and does nothing while another has the peak's rest.
fn waits() {
    let kept = blocks(50_000, 1000);
    let worker = || (0..3).for_each(|_| drop(black_box(blocks(10_000, 1000))));
    std::thread::spawn(worker).join().expect("it returns");
    black_box(blocks(100, 1000)).leak();
    drop(black_box(kept));
    Counted::tell_at_exit();
}

/// The most that the peak may be off, as the crate's documentation has it; and besides, each thread may just be
/// allocating a block, which the inner allocator has counted by then.
fn bound(truth: Counted, largest: u64) -> u64 {
    (truth.peak_bytes / 500).max(1024 * (THREADS as u64 + 1)) + THREADS as u64 * largest
}

fn is_near(scenario: &str, largest: u64) {
    for mode in ["full", "count"] {
        for _ in 0..5 {
            let outcome = Child::new(scenario, mode).succeed();
            let (dump, truth) = (outcome.dump(), Counted::told(&outcome));
            are_true_but_for_the_peak(&dump, truth);
            let off = dump.totals.peak_bytes.abs_diff(truth.peak_bytes);
            assert!(
                off <= bound(truth, largest),
                "{scenario}, {mode}: {} instead of {}",
                dump.totals.peak_bytes,
                truth.peak_bytes
            );
            of_threads(&dump);
        }
    }
}

/// A thread's own peak is exact, and no less than what it had at the process's.
fn of_threads(dump: &Dump) {
    agree(dump);
    for thread in &dump.threads {
        assert!(thread.peak_bytes <= thread.total_bytes, "{thread:?}");
    }
}

fn threads_that_grow_together() {
    is_near("grow_together", 1000);
}

fn a_thread_that_grows_unseen() {
    is_near("grows_unseen", 1000);
}

fn threads_that_grow_and_shrink_at_random() {
    is_near("at_random", 300);
}

fn blocks_that_others_free() {
    is_near("hands_over", 3000);
}

fn an_old_peak_stands() {
    is_near("shrinks", 1000);
}

fn a_thread_that_waits_has_its_part() {
    is_near("waits", 1000);
}
